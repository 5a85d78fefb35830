//! C and C++: the twin of `qyn1_plugins/frontends/cpp.py`, whose docstring says what is decided.

use super::scanning::{
    after, after_line_break, at, byte_order_mark, has, is, line_end, quoted_end, skip, skip_while,
    BLANK, DIGIT, DOLLAR, NAME_START,
};
use super::{kind, Tokens};

const START: u8 = NAME_START | DOLLAR;
const NAME: u8 = NAME_START | DIGIT | DOLLAR;

/// Most exponent signs and digit separators in one number.
const NUMBER_JOINTS: usize = 64;

/// Tokens that tile `data`.
pub fn lex(data: &[u8]) -> Tokens {
    let mut tokens = Tokens::with_room_for(data.len());
    let mut position = byte_order_mark(data);
    if position > 0 {
        tokens.push(kind::WHITESPACE, 0);
    }
    // Whether nothing but blanks and comments came before on this line.
    let mut begins_line = true;
    while position < data.len() {
        let (kind, end) = token(data, position);
        if begins_line && kind == kind::OPERATOR && is_hash(data, position) {
            position = directive(data, position, end, &mut tokens);
            begins_line = false;
            continue;
        }
        begins_line = match kind {
            kind::WHITESPACE | kind::COMMENT => begins_line,
            _ => kind == kind::NEWLINE,
        };
        tokens.push(kind, position);
        position = end;
    }
    tokens
}

/// Whether a lone `#` or `%:` stands at `from`.
fn is_hash(data: &[u8], from: usize) -> bool {
    (data[from] == b'#' && !at(data, from + 1, b'#'))
        || (has(data, from, b"%:") && !has(data, from + 2, b"%:"))
}

/// Adds a directive's hash and word, and the header after an include; gives their end.
fn directive(data: &[u8], from: usize, hash_end: usize, tokens: &mut Tokens) -> usize {
    tokens.push(kind::PREPROCESSOR, from);
    let blank = |b| b == b' ' || b == b'\t';
    let word = skip_while(data, hash_end, blank);
    if !is(data, word, START) {
        return hash_end;
    }
    let end = skip(data, word, NAME);
    if !matches!(
        &data[word..end],
        b"include" | b"include_next" | b"import" | b"embed"
    ) {
        return end;
    }
    let opener = skip_while(data, end, blank);
    let closer = skip_while(data, opener + 1, |b| !matches!(b, b'>' | b'\r' | b'\n'));
    if !at(data, opener, b'<') || !at(data, closer, b'>') || closer == opener + 1 {
        return end;
    }
    if opener > end {
        tokens.push(kind::WHITESPACE, end);
    }
    tokens.push(kind::STRING, opener);
    closer + 1
}

/// Kind and end of the token at `from`, which is before the end of `data`.
fn token(data: &[u8], from: usize) -> (u8, usize) {
    let next = data.get(from + 1).copied();
    match data[from] {
        b' ' | b'\t' | 0x0B | 0x0C => (kind::WHITESPACE, skip(data, from, BLANK)),
        b'\n' | b'\r' => (kind::NEWLINE, after_line_break(data, from)),
        b'\\' if matches!(next, Some(b'\n' | b'\r')) => {
            (kind::WHITESPACE, after_line_break(data, from + 1))
        }
        b'/' if next == Some(b'/') => (kind::COMMENT, line_comment_end(data, from)),
        b'/' if next == Some(b'*') => (kind::COMMENT, after(data, b"*/", from + 2)),
        b'"' | b'\'' => (kind::STRING, literal_end(data, from)),
        b'(' | b'[' | b'{' => (kind::OPEN, from + 1),
        b')' | b']' | b'}' => (kind::CLOSE, from + 1),
        b'<' if next == Some(b'%') => (kind::OPEN, from + 2),
        b'<' if next == Some(b':') && is_bracket_digraph(data, from) => (kind::OPEN, from + 2),
        b'%' | b':' if next == Some(b'>') => (kind::CLOSE, from + 2),
        b'0'..=b'9' => (kind::NUMBER, number_end(data, from)),
        b'.' if is(data, from + 1, DIGIT) => (kind::NUMBER, number_end(data, from)),
        b'u' | b'U' | b'L' | b'R' => match prefixed_literal_end(data, from) {
            Some(end) => (kind::STRING, end),
            None => name(data, from),
        },
        _ if is(data, from, START) => name(data, from),
        _ => match operator_length(data, from) {
            0 => (kind::ERROR, from + 1),
            length => (kind::OPERATOR, from + length),
        },
    }
}

/// [lex.pptoken]: `<::` is `<` and `::` unless `:` or `>` follows.
fn is_bracket_digraph(data: &[u8], from: usize) -> bool {
    !at(data, from + 2, b':') || matches!(data.get(from + 3), Some(b':' | b'>'))
}

fn name(data: &[u8], from: usize) -> (u8, usize) {
    let end = skip(data, from, NAME);
    let kind = if is_keyword(&data[from..end]) {
        kind::KEYWORD
    } else {
        kind::IDENTIFIER
    };
    (kind, end)
}

/// A comment whose line ends in a backslash goes on in the next line.
fn line_comment_end(data: &[u8], from: usize) -> usize {
    let mut end = line_end(data, from);
    while end < data.len() && data[end - 1] == b'\\' {
        end = line_end(data, after_line_break(data, end));
    }
    end
}

/// End of a literal with a prefix at `from`.
fn prefixed_literal_end(data: &[u8], from: usize) -> Option<usize> {
    let mut opener = from;
    if has(data, from, b"u8") {
        opener += 2;
    } else if matches!(data[from], b'u' | b'U' | b'L') {
        opener += 1;
    }
    match data.get(opener) {
        Some(b'"' | b'\'') => Some(literal_end(data, opener)),
        Some(b'R') => raw_string_end(data, opener + 1),
        _ => None,
    }
}

/// End of the quoted literal whose quote stands at `from`, with its suffix.
fn literal_end(data: &[u8], from: usize) -> usize {
    suffix_end(data, quoted_end(data, from + 1, data[from], true))
}

/// End of a raw string whose quote should stand at `from`.
fn raw_string_end(data: &[u8], from: usize) -> Option<usize> {
    if !at(data, from, b'"') {
        return None;
    }
    let open = data[from + 1..].iter().take(17).position(|&b| {
        matches!(
            b,
            b' ' | b'(' | b')' | b'\\' | b'"' | b'\t' | 0x0B | 0x0C | b'\r' | b'\n'
        )
    })? + from
        + 1;
    if data[open] != b'(' {
        return None;
    }
    let mut closer = vec![b')'];
    closer.extend_from_slice(&data[from + 1..open]);
    closer.push(b'"');
    Some(suffix_end(data, after(data, &closer, open + 1)))
}

/// End of a string's suffix: `_` and more, `s` or `sv`.
fn suffix_end(data: &[u8], from: usize) -> usize {
    if at(data, from, b'_') {
        return skip(data, from, NAME);
    }
    if at(data, from, b's') {
        let end = from + 1 + usize::from(at(data, from + 1, b'v'));
        if !is(data, end, NAME) {
            return end;
        }
    }
    from
}

/// A preprocessing number ([lex.ppnumber]).
fn number_end(data: &[u8], from: usize) -> usize {
    let run = |begin| {
        skip_while(data, begin, |b| {
            b == b'.' || b == b'_' || b >= 0x80 || b.is_ascii_alphanumeric()
        })
    };
    let mut end = run(from);
    for _ in 0..NUMBER_JOINTS {
        let joined = match data.get(end) {
            Some(b'+' | b'-') => matches!(data[end - 1], b'e' | b'E' | b'p' | b'P'),
            Some(b'\'') => data
                .get(end + 1)
                .is_some_and(|&b| b == b'_' || b.is_ascii_alphanumeric()),
            _ => false,
        };
        if !joined {
            break;
        }
        end = run(end + 1);
    }
    end
}

fn operator_length(data: &[u8], from: usize) -> usize {
    let next = data.get(from + 1).copied().unwrap_or(0);
    let third = data.get(from + 2).copied().unwrap_or(0);
    match (data[from], next, third) {
        (b'%', b':', b'%') if at(data, from + 3, b':') => 4,
        (b'<', b'=', b'>')
        | (b'-', b'>', b'*')
        | (b'.', b'.', b'.')
        | (b'<', b'<', b'=')
        | (b'>', b'>', b'=') => 3,
        (b':', b':', _)
        | (b'.', b'*', _)
        | (b'-', b'>' | b'-' | b'=', _)
        | (b'+', b'+' | b'=', _)
        | (b'<', b'<' | b'=', _)
        | (b'>', b'>' | b'=', _)
        | (b'&', b'&' | b'=', _)
        | (b'|', b'|' | b'=', _)
        | (b'*' | b'/' | b'^' | b'=' | b'!', b'=', _)
        | (b'%', b'=' | b':', _)
        | (b'#', b'#', _) => 2,
        (
            b'-' | b'+' | b'*' | b'/' | b'%' | b'&' | b'|' | b'^' | b'<' | b'>' | b'=' | b'!'
            | b'.' | b',' | b';' | b':' | b'?' | b'~' | b'@' | b'#',
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
        b"alignas" | b"alignof" | b"and" | b"and_eq" | b"asm" | b"atomic_cancel" | b"auto" | b"bitand" | b"bitor"
            | b"bool" | b"break" | b"case" | b"catch" | b"char" | b"char8_t" | b"char16_t" | b"char32_t" | b"class"
            | b"compl" | b"concept" | b"const" | b"consteval" | b"constexpr" | b"constinit" | b"const_cast"
            | b"continue" | b"co_await" | b"co_return" | b"co_yield" | b"decltype" | b"default" | b"delete" | b"do"
            | b"double" | b"dynamic_cast" | b"else" | b"enum" | b"explicit" | b"export" | b"extern" | b"false"
            | b"float" | b"for" | b"friend" | b"goto" | b"if" | b"inline" | b"int" | b"long" | b"mutable"
            | b"namespace" | b"new" | b"noexcept" | b"not" | b"not_eq" | b"nullptr" | b"operator" | b"or" | b"or_eq"
            | b"private" | b"protected" | b"public" | b"register" | b"reinterpret_cast" | b"requires" | b"restrict"
            | b"return" | b"short" | b"signed" | b"sizeof" | b"static" | b"static_assert" | b"static_cast"
            | b"struct" | b"switch" | b"template" | b"this" | b"thread_local" | b"throw" | b"true" | b"try"
            | b"typedef" | b"typeid" | b"typename" | b"typeof" | b"union" | b"unsigned" | b"using" | b"virtual"
            | b"void" | b"volatile" | b"wchar_t" | b"while" | b"xor" | b"xor_eq" | b"_Alignas" | b"_Alignof"
            | b"_Atomic" | b"_Bool" | b"_Complex" | b"_Generic" | b"_Imaginary" | b"_Noreturn" | b"_Static_assert"
            | b"_Thread_local"
    )
}
