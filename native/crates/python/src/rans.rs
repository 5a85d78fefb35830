//! Python face of `qyn1_codec::rans`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use qyn1_codec::rans;

use crate::errors::codec_error;

/// The payload of `data`.
#[pyfunction]
fn rans_encode<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    let payload = py.detach(|| rans::encode(data));
    PyBytes::new(py, &payload)
}

/// `raw_size` bytes out of `payload`.
#[pyfunction]
fn rans_decode<'py>(
    py: Python<'py>,
    payload: &[u8],
    raw_size: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let data = py
        .detach(|| rans::decode(payload, raw_size))
        .map_err(|error| codec_error(py, &error))?;
    Ok(PyBytes::new(py, &data))
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(rans_encode, module)?)?;
    module.add_function(wrap_pyfunction!(rans_decode, module)?)
}
