//! What the hand-written lexers share: byte classes and the ends of literals.

/// Can begin a name: ASCII letters, `_` and every byte of a longer UTF-8 sequence.
pub const NAME_START: u8 = 1;
/// ASCII digits.
pub const DIGIT: u8 = 2;
/// Space, tab, vertical tab, form feed.
pub const BLANK: u8 = 4;
/// `$`, which some languages count among the letters.
pub const DOLLAR: u8 = 8;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = if b.is_ascii_alphabetic() || b == b'_' || b >= 0x80 {
            NAME_START
        } else if b.is_ascii_digit() {
            DIGIT
        } else if matches!(b, b' ' | b'\t' | 0x0B | 0x0C) {
            BLANK
        } else if b == b'$' {
            DOLLAR
        } else {
            0
        };
        byte += 1;
    }
    table
}

/// Whether the byte at `at` exists and is in one of `classes`.
#[inline]
pub fn is(data: &[u8], at: usize, classes: u8) -> bool {
    data.get(at)
        .is_some_and(|&b| CLASS[b as usize] & classes != 0)
}

/// Whether the byte at `at` exists and is `byte`.
#[inline]
pub fn at(data: &[u8], at: usize, byte: u8) -> bool {
    data.get(at) == Some(&byte)
}

/// Whether `text` stands at `at`.
#[inline]
pub fn has(data: &[u8], at: usize, text: &[u8]) -> bool {
    data.get(at..).is_some_and(|rest| rest.starts_with(text))
}

/// Offset after the run of bytes in `classes` that begins at `from`.
#[inline]
pub fn skip(data: &[u8], from: usize, classes: u8) -> usize {
    skip_while(data, from, |b| CLASS[b as usize] & classes != 0)
}

/// Offset after the run of bytes that `wanted` accepts and that begins at `from`.
#[inline]
pub fn skip_while(data: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let mut at = from;
    while at < data.len() && wanted(data[at]) {
        at += 1;
    }
    at
}

/// Offset of the first line break at or after `from`, or the end.
#[inline]
pub fn line_end(data: &[u8], from: usize) -> usize {
    skip_while(data, from, |b| b != b'\n' && b != b'\r')
}

/// Offset after one line break at `from`, which is the same when there is none.
#[inline]
pub fn after_line_break(data: &[u8], from: usize) -> usize {
    match data.get(from) {
        Some(b'\r') if at(data, from + 1, b'\n') => from + 2,
        Some(b'\r' | b'\n') => from + 1,
        _ => from,
    }
}

/// Offset after the first `closer` (not empty) at or after `from`, or the end of `data`.
pub fn after(data: &[u8], closer: &[u8], from: usize) -> usize {
    let mut begin = from;
    while let Some(found) = data
        .get(begin..)
        .and_then(|rest| rest.iter().position(|b| Some(b) == closer.first()))
    {
        begin += found;
        if has(data, begin, closer) {
            return begin + closer.len();
        }
        begin += 1;
    }
    data.len()
}

/// Offset after a literal whose content begins at `from`, with backslash escapes.
///
/// With `one_line` a line break that is not escaped ends it and is not part of it.
pub fn quoted_end(data: &[u8], from: usize, quote: u8, one_line: bool) -> usize {
    let mut at = from;
    while let Some(&byte) = data.get(at) {
        if byte == quote {
            return at + 1;
        }
        at = match byte {
            b'\\' if has(data, at + 1, b"\r\n") => at + 3,
            b'\\' => at + 2,
            b'\n' | b'\r' if one_line => return at,
            _ => at + 1,
        };
    }
    data.len()
}

/// Length of a byte order mark at the start of `data`, 0 or 3.
pub fn byte_order_mark(data: &[u8]) -> usize {
    if data.starts_with(b"\xEF\xBB\xBF") {
        3
    } else {
        0
    }
}
