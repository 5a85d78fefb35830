//! Bytes of no known structure: runs of fixed length.

use super::{kind, Tokens};

/// Bytes in a run.
pub const RUN: usize = 4096;

/// One `TEXT` token per [`RUN`] bytes.
pub fn lex(data: &[u8]) -> Tokens {
    let mut tokens = Tokens::default();
    for start in (0..data.len()).step_by(RUN) {
        tokens.push(kind::TEXT, start);
    }
    tokens
}
