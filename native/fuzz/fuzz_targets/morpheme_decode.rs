//! Any bytes as a payload of morpheme: an error, or exactly the declared size.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qyn1_codec::morpheme::decode;

fuzz_target!(|input: (u16, &[u8])| {
    let (raw_size, payload) = (usize::from(input.0), input.1);
    if let Ok(data) = decode(payload, raw_size, None) {
        assert_eq!(data.len(), raw_size);
    }
});
