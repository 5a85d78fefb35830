//! Python face of `qyn1_codec::mixing`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use qyn1_codec::mixing;

use crate::errors::codec_error;

/// The payload of `data`, whose text is in `language`.
#[pyfunction]
fn mixing_encode<'py>(py: Python<'py>, data: &[u8], language: &str) -> Bound<'py, PyBytes> {
    let payload = py.detach(|| mixing::encode(data, language));
    PyBytes::new(py, &payload)
}

/// The `raw_size` bytes that were encoded. Raises `CodecError` for what no encoder made.
#[pyfunction]
fn mixing_decode<'py>(
    py: Python<'py>,
    payload: &[u8],
    raw_size: usize,
    language: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    match py.detach(|| mixing::decode(payload, raw_size, language)) {
        Ok(data) => Ok(PyBytes::new(py, &data)),
        Err(error) => Err(codec_error(py, &error)),
    }
}

/// Most bytes of working memory that a block of `raw_size` bytes takes.
#[pyfunction]
fn mixing_memory(raw_size: usize) -> usize {
    mixing::memory(raw_size)
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(mixing_encode, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_decode, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_memory, module)?)
}
