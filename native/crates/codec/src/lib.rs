//! Lexers, entropy coders and models of qyn1.
//!
//! Pure Rust, usable and fuzzable alone. Integers only: every byte of output is the
//! same on every CPU. No function panics on any input; decoders never allocate past
//! the size that the caller declared.

pub mod chunked;
pub mod error;
pub mod lexers;
pub mod mixing;
pub mod morpheme;
mod prefetch;
pub mod rans;
pub mod timing;

pub use error::CodecError;
