//! Python face of `qyn1_codec::mixing`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use qyn1_codec::mixing::{self, Prior};

use crate::errors::codec_error;
use crate::{little_endian, timed};

/// A prior that was read: immutable, shared by all threads.
#[pyclass(frozen)]
struct MixingPrior {
    prior: Prior,
}

#[pymethods]
impl MixingPrior {
    /// Reads the content of a prior. Raises `CodecError` for anything that is none.
    #[new]
    fn new(py: Python<'_>, content: &[u8]) -> PyResult<Self> {
        match py.detach(|| Prior::parse(content)) {
            Ok(prior) => Ok(MixingPrior { prior }),
            Err(error) => Err(codec_error(py, &error)),
        }
    }
}

/// The payload of `data`, whose text is in `language`.
#[pyfunction]
#[pyo3(signature = (data, language, prior=None))]
fn mixing_encode<'py>(
    py: Python<'py>,
    data: &[u8],
    language: &str,
    prior: Option<&Bound<'py, MixingPrior>>,
) -> Bound<'py, PyBytes> {
    let prior = prior.map(|prior| &prior.get().prior);
    let payload = py.detach(|| mixing::encode(data, language, prior));
    PyBytes::new(py, &payload)
}

/// `mixing_encode`, and seconds by stage.
#[pyfunction]
#[pyo3(signature = (data, language, prior=None))]
fn mixing_encode_timed<'py>(
    py: Python<'py>,
    data: &[u8],
    language: &str,
    prior: Option<&Bound<'py, MixingPrior>>,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>)> {
    let prior = prior.map(|prior| &prior.get().prior);
    let encoded = py.detach(|| mixing::encode_timed(data, language, prior));
    timed(py, encoded)
}

/// The `raw_size` bytes that were encoded with the same language and prior.
///
/// Raises `CodecError` for what no encoder made.
#[pyfunction]
#[pyo3(signature = (payload, raw_size, language, prior=None))]
fn mixing_decode<'py>(
    py: Python<'py>,
    payload: &[u8],
    raw_size: usize,
    language: &str,
    prior: Option<&Bound<'py, MixingPrior>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let prior = prior.map(|prior| &prior.get().prior);
    match py.detach(|| mixing::decode(payload, raw_size, language, prior)) {
        Ok(data) => Ok(PyBytes::new(py, &data)),
        Err(error) => Err(codec_error(py, &error)),
    }
}

/// What each byte of `data` costs in its payload: 32-bit little-endian numbers, in units of 2^-16 bit.
#[pyfunction]
#[pyo3(signature = (data, language, prior=None))]
fn mixing_costs<'py>(
    py: Python<'py>,
    data: &[u8],
    language: &str,
    prior: Option<&Bound<'py, MixingPrior>>,
) -> Bound<'py, PyBytes> {
    let prior = prior.map(|prior| &prior.get().prior);
    let costs = py.detach(|| little_endian(mixing::costs(data, language, prior)));
    PyBytes::new(py, &costs)
}

/// Most bytes of working memory that a block of `raw_size` bytes takes.
#[pyfunction]
fn mixing_memory(raw_size: usize) -> usize {
    mixing::memory(raw_size)
}

/// The content of a prior of `packages`, each a list of files in `language`.
#[pyfunction]
fn mixing_train<'py>(
    py: Python<'py>,
    packages: Vec<Vec<Vec<u8>>>,
    language: &str,
) -> Bound<'py, PyBytes> {
    let content = py.detach(|| mixing::train(&packages, language));
    PyBytes::new(py, &content)
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MixingPrior>()?;
    module.add_function(wrap_pyfunction!(mixing_encode, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_encode_timed, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_decode, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_costs, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_memory, module)?)?;
    module.add_function(wrap_pyfunction!(mixing_train, module)?)
}
