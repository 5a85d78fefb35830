//! Python face of `qyn1_codec::lexers`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use qyn1_codec::lexers::{self, LexError};

/// Kinds (uint8) and starts (little-endian uint32) of the tokens of `data` in `language`.
///
/// Raises `ValueError` for a language that has no native lexer and for data past 4 GiB.
#[pyfunction]
fn lex<'py>(
    py: Python<'py>,
    language: &str,
    data: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let tokens = py.detach(|| lexers::lex(language, data)).map_err(|error| {
        PyValueError::new_err(match error {
            LexError::UnknownLanguage => format!("no native lexer for {language:?}"),
            LexError::TooLong => "data is longer than 4 GiB".to_owned(),
        })
    })?;
    let starts = PyBytes::new_with(py, tokens.start.len() * 4, |buffer| {
        for (slot, start) in buffer.chunks_exact_mut(4).zip(&tokens.start) {
            slot.copy_from_slice(&start.to_le_bytes());
        }
        Ok(())
    })?;
    Ok((PyBytes::new(py, &tokens.kind), starts))
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(lex, module)?)
}
