//! Python.

use super::{kind, Tokens};

/// Tokens that tile `data`.
pub fn lex(data: &[u8]) -> Tokens {
    let mut tokens = Tokens::default();
    if !data.is_empty() {
        tokens.push(kind::TEXT, 0);
    }
    tokens
}
