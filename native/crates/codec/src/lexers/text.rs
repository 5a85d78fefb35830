//! Prose, markup, configuration: the twin of `qyn1_plugins/frontends/text.py`, whose
//! documentation says what is a token.

use super::{kind, Tokens};

/// Tokens that tile `data`.
pub fn lex(data: &[u8]) -> Tokens {
    let mut tokens = Tokens::with_room_for(data.len());
    let mut position = 0;
    while let Some(&byte) = data.get(position) {
        let token_kind = kind_of(byte);
        tokens.push(token_kind, position);
        position += match token_kind {
            kind::IDENTIFIER => run(data, position, |next| {
                next.is_ascii_digit() || kind_of(next) == kind::IDENTIFIER
            }),
            kind::WHITESPACE | kind::NUMBER | kind::ERROR => {
                run(data, position, |next| kind_of(next) == token_kind)
            }
            kind::NEWLINE => {
                1 + usize::from(byte == b'\r' && data.get(position + 1) == Some(&b'\n'))
            }
            kind::OPERATOR => run(data, position, |next| next == byte),
            _ => 1,
        };
    }
    tokens
}

/// How many bytes from `position` on satisfy `belongs`, with the one there.
fn run(data: &[u8], position: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let rest = data[position..].iter().skip(1);
    1 + rest.take_while(|&&byte| belongs(byte)).count()
}

fn kind_of(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => kind::IDENTIFIER,
        b' ' | b'\t' | 0x0b | 0x0c => kind::WHITESPACE,
        b'\n' | b'\r' => kind::NEWLINE,
        b'0'..=b'9' => kind::NUMBER,
        b'(' | b'[' | b'{' => kind::OPEN,
        b')' | b']' | b'}' => kind::CLOSE,
        0..=0x1f | 0x7f => kind::ERROR,
        _ => kind::OPERATOR,
    }
}
