//! Maps `CodecError` onto the exception class that Python defines.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use qyn1_codec::CodecError;

/// `qyn1_plugins.errors.CodecError` with the message of `error`.
pub fn codec_error(py: Python<'_>, error: &CodecError) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    match CLASS.import(py, "qyn1_plugins.errors", "CodecError") {
        Ok(class) => PyErr::from_type(class.clone(), error.to_string()),
        Err(_) => PyRuntimeError::new_err(error.to_string()),
    }
}
