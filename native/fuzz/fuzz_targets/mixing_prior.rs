//! Any bytes as a prior of mixing: refused, or usable in both directions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qyn1_codec::mixing::{decode, encode, Prior};

fuzz_target!(|content: &[u8]| {
    if let Ok(prior) = Prior::parse(content) {
        let data = b"def f(self):\n    return self.x\n";
        let payload = encode(data, "python", Some(&prior));
        assert_eq!(
            decode(&payload, data.len(), "python", Some(&prior)).as_deref(),
            Ok(&data[..])
        );
    }
});
