//! Any bytes as the content of a morpheme prior: an error, or a prior that round trips.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qyn1_codec::morpheme::{decode, encode, Prior};

const TEXT: &[u8] = b"def f(x):\n    return x\n";

fuzz_target!(|content: &[u8]| {
    if let Ok(prior) = Prior::parse(content) {
        let payload = encode(TEXT, Some(&prior));
        assert_eq!(decode(&payload, TEXT.len(), Some(&prior)).as_deref(), Ok(TEXT));
    }
});
