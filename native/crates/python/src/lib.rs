//! `qyn1_native`: the thin Python shell of `qyn1_codec`.
//!
//! Argument checks, GIL release, error mapping; nothing else. One file per room of
//! the codec crate, each with a `register` that adds its functions.

use pyo3::prelude::*;

mod chunked;
mod errors;
mod lexers;
mod mixing;
mod morpheme;
mod rans;

/// Numbers as Python gets them: little-endian, four bytes each.
fn little_endian(numbers: Vec<u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Native lexers and codecs of qyn1.
#[pymodule]
fn qyn1_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    chunked::register(module)?;
    lexers::register(module)?;
    mixing::register(module)?;
    morpheme::register(module)?;
    rans::register(module)
}
