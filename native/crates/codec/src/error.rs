//! The one error of decoding.

use std::fmt;

/// Why a payload does not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// The payload ends before the declared size is reached.
    Truncated,
    /// Bytes are left over after the declared size was reached.
    TrailingData,
    /// The payload contradicts itself; the text says where.
    Corrupt(&'static str),
    /// A prior's content is not what this version reads; the text says why.
    BadPrior(&'static str),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Truncated => f.write_str("the block ends too early"),
            CodecError::TrailingData => f.write_str("data is left over after the end of the block"),
            CodecError::Corrupt(what) => write!(f, "the block is damaged: {what}"),
            CodecError::BadPrior(why) => write!(f, "the prior is not usable: {why}"),
        }
    }
}

impl std::error::Error for CodecError {}
