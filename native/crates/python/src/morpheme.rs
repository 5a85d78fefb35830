//! Python face of `qyn1_codec::morpheme`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use qyn1_codec::morpheme;

use crate::errors::codec_error;
use crate::{little_endian, timed};

/// A prior of morpheme, read and expanded once, shared by threads.
#[pyclass(frozen)]
struct MorphemePrior(morpheme::Prior);

#[pymethods]
impl MorphemePrior {
    /// From a prior's content.
    #[new]
    fn new(py: Python<'_>, content: &[u8]) -> PyResult<Self> {
        py.detach(|| morpheme::Prior::parse(content))
            .map(MorphemePrior)
            .map_err(|error| codec_error(py, &error))
    }
}

fn inner<'a>(prior: Option<&'a Bound<'_, MorphemePrior>>) -> Option<&'a morpheme::Prior> {
    prior.map(|prior| &prior.get().0)
}

/// The payload of `data`.
#[pyfunction]
fn morpheme_encode<'py>(
    py: Python<'py>,
    data: &[u8],
    prior: Option<&Bound<'py, MorphemePrior>>,
) -> Bound<'py, PyBytes> {
    let prior = inner(prior);
    let payload = py.detach(|| morpheme::encode(data, prior));
    PyBytes::new(py, &payload)
}

/// `morpheme_encode`, and seconds by stage.
#[pyfunction]
fn morpheme_encode_timed<'py>(
    py: Python<'py>,
    data: &[u8],
    prior: Option<&Bound<'py, MorphemePrior>>,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>)> {
    let prior = inner(prior);
    let encoded = py.detach(|| morpheme::encode_timed(data, prior));
    timed(py, encoded)
}

/// `raw_size` bytes out of `payload`.
#[pyfunction]
fn morpheme_decode<'py>(
    py: Python<'py>,
    payload: &[u8],
    raw_size: usize,
    prior: Option<&Bound<'py, MorphemePrior>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let prior = inner(prior);
    let data = py
        .detach(|| morpheme::decode(payload, raw_size, prior))
        .map_err(|error| codec_error(py, &error))?;
    Ok(PyBytes::new(py, &data))
}

/// What each byte of `data` costs in its payload: 32-bit little-endian numbers, in units of 2^-16 bit.
#[pyfunction]
fn morpheme_costs<'py>(
    py: Python<'py>,
    data: &[u8],
    prior: Option<&Bound<'py, MorphemePrior>>,
) -> Bound<'py, PyBytes> {
    let prior = inner(prior);
    let costs = py.detach(|| little_endian(morpheme::costs(data, prior)));
    PyBytes::new(py, &costs)
}

/// Most bytes that a block of `raw_size` bytes takes.
#[pyfunction]
fn morpheme_memory(raw_size: usize) -> usize {
    morpheme::memory(raw_size)
}

/// The content of a prior of `packages`, each a list of files.
#[pyfunction]
fn morpheme_train<'py>(
    py: Python<'py>,
    packages: Vec<Vec<Bound<'py, PyBytes>>>,
) -> Bound<'py, PyBytes> {
    let files: Vec<Vec<&[u8]>> = packages
        .iter()
        .map(|package| package.iter().map(|file| file.as_bytes()).collect())
        .collect();
    let content = py.detach(|| morpheme::train(&files));
    PyBytes::new(py, &content)
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MorphemePrior>()?;
    module.add_function(wrap_pyfunction!(morpheme_encode, module)?)?;
    module.add_function(wrap_pyfunction!(morpheme_encode_timed, module)?)?;
    module.add_function(wrap_pyfunction!(morpheme_decode, module)?)?;
    module.add_function(wrap_pyfunction!(morpheme_costs, module)?)?;
    module.add_function(wrap_pyfunction!(morpheme_memory, module)?)?;
    module.add_function(wrap_pyfunction!(morpheme_train, module)?)
}
