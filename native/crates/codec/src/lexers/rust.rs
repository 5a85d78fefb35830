//! Rust: the twin of `qyn1_plugins/frontends/rust.py`, whose docstring says what is decided.

use super::scanning::{
    after_line_break, at, byte_order_mark, has, is, line_end, quoted_end, skip, skip_while, BLANK,
    DIGIT, NAME_START,
};
use super::{kind, Tokens};

const NAME: u8 = NAME_START | DIGIT;

/// Tokens that tile `data`.
pub fn lex(data: &[u8]) -> Tokens {
    let mut tokens = Tokens::with_room_for(data.len());
    let mut position = byte_order_mark(data);
    if position > 0 {
        tokens.push(kind::WHITESPACE, 0);
    }
    if is_script_line(data, position) {
        tokens.push(kind::COMMENT, position);
        position = line_end(data, position);
    }
    while position < data.len() {
        let (kind, end) = token(data, position);
        tokens.push(kind, position);
        position = end;
    }
    tokens
}

fn is_script_line(data: &[u8], from: usize) -> bool {
    let after_blanks = skip_while(data, from + 2, |b| b == b' ' || b == b'\t');
    has(data, from, b"#!") && !at(data, after_blanks, b'[')
}

/// Kind and end of the token at `from`, which is before the end of `data`.
fn token(data: &[u8], from: usize) -> (u8, usize) {
    let next = data.get(from + 1).copied();
    match data[from] {
        b' ' | b'\t' | 0x0B | 0x0C => (kind::WHITESPACE, skip(data, from, BLANK)),
        b'\n' | b'\r' => (kind::NEWLINE, after_line_break(data, from)),
        b'/' if next == Some(b'/') => (kind::COMMENT, line_end(data, from)),
        b'/' if next == Some(b'*') => (kind::COMMENT, block_comment_end(data, from + 2)),
        b'"' => (kind::STRING, quoted_end(data, from + 1, b'"', false)),
        b'b' | b'c' | b'r' => match prefixed_literal_end(data, from) {
            Some(end) => (kind::STRING, end),
            None => name(data, from),
        },
        b'\'' => match character_end(data, from + 1) {
            Some(end) => (kind::STRING, end),
            None => lifetime(data, from),
        },
        b'(' | b'[' | b'{' => (kind::OPEN, from + 1),
        b')' | b']' | b'}' => (kind::CLOSE, from + 1),
        b'#' if next == Some(b'[') => (kind::ANNOTATION, from + 1),
        b'#' if has(data, from, b"#![") => (kind::ANNOTATION, from + 2),
        b'0'..=b'9' => (kind::NUMBER, number_end(data, from)),
        _ if is(data, from, NAME_START) => name(data, from),
        _ => match operator_length(data, from) {
            0 => (kind::ERROR, from + 1),
            length => (kind::OPERATOR, from + length),
        },
    }
}

fn name(data: &[u8], from: usize) -> (u8, usize) {
    if has(data, from, b"r#") && is(data, from + 2, NAME_START) {
        return (kind::IDENTIFIER, skip(data, from + 2, NAME));
    }
    let end = skip(data, from, NAME);
    let kind = if is_keyword(&data[from..end]) {
        kind::KEYWORD
    } else {
        kind::IDENTIFIER
    };
    (kind, end)
}

/// End of a byte, C or raw literal at `from`, where `b`, `c` or `r` stands.
fn prefixed_literal_end(data: &[u8], from: usize) -> Option<usize> {
    let is_raw = data[from] == b'r';
    match data.get(from + 1) {
        Some(b'\'') if data[from] == b'b' => character_end(data, from + 2),
        Some(b'"') if !is_raw => Some(quoted_end(data, from + 2, b'"', false)),
        Some(b'r') if !is_raw => raw_string_end(data, from + 2),
        Some(b'"' | b'#') if is_raw => raw_string_end(data, from + 1),
        _ => None,
    }
}

/// End of a raw string whose `#"` begins at `from`.
fn raw_string_end(data: &[u8], from: usize) -> Option<usize> {
    let opener = skip_while(data, from, |b| b == b'#');
    if !at(data, opener, b'"') {
        return None;
    }
    let hashes = &data[from..opener];
    let mut begin = opener + 1;
    while let Some(found) = data[begin..].iter().position(|&b| b == b'"') {
        begin += found + 1;
        if has(data, begin, hashes) {
            return Some(begin + hashes.len());
        }
    }
    Some(data.len())
}

/// End of a character literal whose content begins at `from`.
fn character_end(data: &[u8], from: usize) -> Option<usize> {
    let content_end = match *data.get(from)? {
        b'\'' | b'\r' | b'\n' => return None,
        b'\\' => {
            let escaped = *data.get(from + 1)?;
            if escaped == b'\r' || escaped == b'\n' {
                return None;
            }
            let rest = skip_while(data, from + 2, |b| {
                !matches!(b, b'\'' | b'\\' | b'\r' | b'\n')
            });
            if rest > from + 12 {
                return None;
            }
            rest
        }
        0x80.. => {
            let rest = skip_while(data, from, |b| b >= 0x80);
            if rest > from + 4 {
                return None;
            }
            rest
        }
        _ => from + 1,
    };
    at(data, content_end, b'\'').then_some(content_end + 1)
}

fn lifetime(data: &[u8], from: usize) -> (u8, usize) {
    if has(data, from, b"'r#") && is(data, from + 3, NAME_START) {
        (kind::ANNOTATION, skip(data, from + 3, NAME))
    } else if is(data, from + 1, NAME_START) {
        (kind::ANNOTATION, skip(data, from + 1, NAME))
    } else {
        (kind::ERROR, from + 1)
    }
}

/// End of a nested comment whose content begins at `from`.
fn block_comment_end(data: &[u8], from: usize) -> usize {
    let mut depth = 1usize;
    let mut position = from;
    while position < data.len() {
        if has(data, position, b"/*") {
            depth += 1;
            position += 2;
        } else if has(data, position, b"*/") {
            depth -= 1;
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += 1;
        }
    }
    data.len()
}

fn number_end(data: &[u8], from: usize) -> usize {
    let digits = |begin| skip_while(data, begin, |b| b.is_ascii_digit() || b == b'_');
    if data[from] == b'0'
        && matches!(
            data.get(from + 1),
            Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')
        )
    {
        return skip(data, from + 2, NAME);
    }
    let mut end = digits(from);
    if at(data, end, b'.') && !at(data, end + 1, b'.') && !is(data, end + 1, NAME_START) {
        end = digits(end + 1);
    }
    if matches!(data.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(data.get(end + 1), Some(b'+' | b'-')));
        let exponent = skip_while(data, end + 1 + sign, |b| b == b'_');
        if is(data, exponent, DIGIT) {
            end = digits(exponent);
        }
    }
    if is(data, end, NAME_START) {
        end = skip(data, end, NAME);
    }
    end
}

fn operator_length(data: &[u8], from: usize) -> usize {
    let next = data.get(from + 1).copied().unwrap_or(0);
    let third = data.get(from + 2).copied().unwrap_or(0);
    match (data[from], next, third) {
        (b'<', b'<', b'=') | (b'>', b'>', b'=') | (b'.', b'.', b'=' | b'.') => 3,
        (b'-', b'>' | b'=', _)
        | (b'=', b'>' | b'=', _)
        | (b':', b':', _)
        | (b'!' | b'+' | b'*' | b'/' | b'%' | b'^', b'=', _)
        | (b'<', b'=' | b'<', _)
        | (b'>', b'=' | b'>', _)
        | (b'&', b'&' | b'=', _)
        | (b'|', b'|' | b'=', _)
        | (b'.', b'.', _) => 2,
        (
            b'-' | b'+' | b'*' | b'/' | b'%' | b'^' | b'&' | b'|' | b'!' | b'=' | b'<' | b'>'
            | b'@' | b'.' | b',' | b';' | b':' | b'#' | b'$' | b'?' | b'~',
            _,
            _,
        ) => 1,
        _ => 0,
    }
}

#[rustfmt::skip]
fn is_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"as" | b"async" | b"await" | b"break" | b"const" | b"continue" | b"crate" | b"dyn" | b"else" | b"enum"
            | b"extern" | b"false" | b"fn" | b"for" | b"if" | b"impl" | b"in" | b"let" | b"loop" | b"match" | b"mod"
            | b"move" | b"mut" | b"pub" | b"ref" | b"return" | b"self" | b"Self" | b"static" | b"struct" | b"super"
            | b"trait" | b"true" | b"type" | b"union" | b"unsafe" | b"use" | b"where" | b"while" | b"yield"
            | b"abstract" | b"become" | b"box" | b"do" | b"final" | b"macro" | b"override" | b"priv" | b"try"
            | b"typeof" | b"unsized" | b"virtual"
    )
}
