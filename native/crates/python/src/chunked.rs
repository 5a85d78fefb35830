//! Python face of `qyn1_codec::chunked`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use qyn1_codec::chunked;

use crate::errors::codec_error;
use crate::{little_endian, timed};

/// A prior of chunked-rans, read once and shared by threads.
#[pyclass(frozen)]
struct ChunkedPrior(chunked::Prior);

#[pymethods]
impl ChunkedPrior {
    /// From a prior's content; without one, no phrases and no tables.
    #[new]
    #[pyo3(signature = (content = None))]
    fn new(py: Python<'_>, content: Option<&[u8]>) -> PyResult<Self> {
        match content {
            None => Ok(ChunkedPrior(chunked::Prior::none())),
            Some(content) => py
                .detach(|| chunked::Prior::parse(content))
                .map(ChunkedPrior)
                .map_err(|error| codec_error(py, &error)),
        }
    }

    /// Symbols (uint8), details and lengths (little-endian uint32) of the tokens of `data`; its literals.
    fn parse<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        level: u32,
    ) -> PyResult<[Bound<'py, PyBytes>; 4]> {
        let level = read_level(level)?;
        let (symbols, details, lengths, literals) =
            py.detach(|| chunked::parse(data, &self.0, level));
        let parts = [
            symbols,
            little_endian(details),
            little_endian(lengths),
            literals,
        ];
        Ok(parts.map(|part| PyBytes::new(py, &part)))
    }

    /// The payload of `data` at level 1 or 2.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        level: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let level = read_level(level)?;
        let payload = py.detach(|| chunked::encode(data, &self.0, level));
        Ok(PyBytes::new(py, &payload))
    }

    /// `encode`, and seconds by stage.
    fn encode_timed<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        level: u32,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>)> {
        let level = read_level(level)?;
        let encoded = py.detach(|| chunked::encode_timed(data, &self.0, level));
        timed(py, encoded)
    }

    /// What each byte of `data` costs in its payload: 32-bit little-endian numbers, in units of 2^-16 bit.
    fn costs<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        level: u32,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let level = read_level(level)?;
        let costs = py.detach(|| little_endian(chunked::costs(data, &self.0, level)));
        Ok(PyBytes::new(py, &costs))
    }

    /// `raw_size` bytes out of `payload`.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        payload: &[u8],
        raw_size: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let data = py
            .detach(|| chunked::decode(payload, raw_size, &self.0))
            .map_err(|error| codec_error(py, &error))?;
        Ok(PyBytes::new(py, &data))
    }
}

fn read_level(level: u32) -> PyResult<chunked::Level> {
    chunked::Level::from_number(level)
        .ok_or_else(|| PyValueError::new_err(format!("no level {level}")))
}

/// Adds this room's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ChunkedPrior>()
}
