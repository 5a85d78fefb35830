//! Any bytes as a prior of chunked-rans: refused, or one that encodes and decodes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qyn1_codec::chunked::{decode, encode, Level, Prior};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (content, data) = input;
    if let Ok(prior) = Prior::parse(content) {
        for level in [Level::Lazy, Level::Optimal] {
            let payload = encode(data, &prior, level);
            assert_eq!(decode(&payload, data.len(), &prior).as_deref(), Ok(data));
        }
    }
});
