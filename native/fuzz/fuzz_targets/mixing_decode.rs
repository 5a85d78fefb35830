//! Any bytes as a payload of mixing, in any syntax: an error, or a block that encodes back to them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qyn1_codec::mixing::{decode, encode};

fuzz_target!(|input: (u8, u16, &[u8])| {
    let language = ["python", "javascript", "rust", "cpp", "text"][usize::from(input.0) % 5];
    let (raw_size, payload) = (usize::from(input.1 % 4096), input.2);
    if let Ok(data) = decode(payload, raw_size, language, None) {
        assert_eq!(data.len(), raw_size);
        assert_eq!(encode(&data, language, None), payload);
    }
});
