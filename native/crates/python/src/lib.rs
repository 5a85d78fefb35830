//! `qyn1_native`: the thin Python shell of `qyn1_codec`.
//!
//! Argument checks, GIL release, error mapping; nothing else. One file per room of
//! the codec crate, each with a `register` that adds its functions.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use qyn1_codec::timing::Times;

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

/// A payload, and the seconds of each stage of its encoder by name.
fn timed<'py>(
    py: Python<'py>,
    (payload, times): (Vec<u8>, Times),
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>)> {
    let seconds = PyDict::new(py);
    for (stage, time) in times {
        seconds.set_item(stage, time.as_secs_f64())?;
    }
    Ok((PyBytes::new(py, &payload), seconds))
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
