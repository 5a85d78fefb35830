//! Python, of every version at once: the twin of `qyn1_plugins/frontends/python.py`,
//! whose documentation says what is a token and why.

use super::{kind, Tokens};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const KEYWORDS: [&[u8]; 35] = [
    b"False",
    b"None",
    b"True",
    b"and",
    b"as",
    b"assert",
    b"async",
    b"await",
    b"break",
    b"class",
    b"continue",
    b"def",
    b"del",
    b"elif",
    b"else",
    b"except",
    b"finally",
    b"for",
    b"from",
    b"global",
    b"if",
    b"import",
    b"in",
    b"is",
    b"lambda",
    b"nonlocal",
    b"not",
    b"or",
    b"pass",
    b"raise",
    b"return",
    b"try",
    b"while",
    b"with",
    b"yield",
];

/// Tokens that tile `data`.
pub fn lex(data: &[u8]) -> Tokens {
    let mut scan = Scan {
        data,
        tokens: Tokens::with_room_for(data.len()),
        fields: Vec::new(),
        nest: 0,
    };
    scan.run();
    scan.tokens
}

/// How a literal goes on, from its prefix and quote.
#[derive(Clone, Copy)]
struct Literal {
    quote: u8,
    triple: bool,
    raw: bool,
}

/// What a place in a literal is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A literal without fields.
    Plain,
    /// A literal part of an interpolated literal.
    Interpolated,
    /// A format specification.
    Specification,
}

/// The part of an interpolated literal that a place is in. `base` fields and `nest`
/// brackets were open where the literal began.
#[derive(Clone, Copy)]
struct Part {
    literal: Literal,
    mode: Mode,
    base: usize,
    nest: usize,
}

/// What stops a part of a literal.
enum Stop {
    /// The literal ends: its closing quote, a line break that it cannot span, or the end of the data.
    End,
    /// A brace, which does not belong to the part.
    Brace,
}

struct Scan<'a> {
    data: &'a [u8],
    tokens: Tokens,
    /// For each open field, the part in which it began.
    fields: Vec<Part>,
    /// Brackets open in the file or, if there is one, in the innermost field.
    nest: usize,
}

impl Scan<'_> {
    fn at(&self, position: usize) -> Option<u8> {
        self.data.get(position).copied()
    }

    /// First place from `position` on whose byte does not satisfy `belongs`.
    fn skip(&self, position: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.data.get(position..).unwrap_or_default();
        position
            + rest
                .iter()
                .position(|&byte| !belongs(byte))
                .unwrap_or(rest.len())
    }

    fn run(&mut self) {
        let mut position = 0;
        if self.data.starts_with(BYTE_ORDER_MARK) {
            self.tokens.push(kind::WHITESPACE, 0);
            position = BYTE_ORDER_MARK.len();
        }
        while let Some(byte) = self.at(position) {
            position = self.token(byte, position);
        }
    }

    /// The token, or the literal parts, that begin with `byte` at `begin`; where the next one begins.
    fn token(&mut self, byte: u8, begin: usize) -> usize {
        let (token_kind, end) = match byte {
            b' ' | b'\t' | 0x0c => (kind::WHITESPACE, self.skip(begin + 1, is_space)),
            b'\n' | b'\r' => (kind::NEWLINE, self.line_break(begin)),
            b'\\' if matches!(self.at(begin + 1), Some(b'\n' | b'\r')) => {
                (kind::WHITESPACE, self.line_break(begin + 1))
            }
            b'#' => (kind::COMMENT, self.skip(begin, |byte| !is_line_break(byte))),
            b'\'' | b'"' => return self.string(begin, begin),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                if let Some(quote) = self.prefix_end(begin) {
                    return self.string(begin, quote);
                }
                let end = self.skip(begin + 1, is_name);
                let name = &self.data[begin..end];
                let is_keyword = KEYWORDS.binary_search(&name).is_ok();
                (
                    if is_keyword {
                        kind::KEYWORD
                    } else {
                        kind::IDENTIFIER
                    },
                    end,
                )
            }
            b'0'..=b'9' => (kind::NUMBER, self.number(begin)),
            b'.' if self.at(begin + 1).is_some_and(|next| next.is_ascii_digit()) => {
                (kind::NUMBER, self.number(begin))
            }
            b'(' | b'[' | b'{' => {
                self.nest += 1;
                (kind::OPEN, begin + 1)
            }
            b')' | b']' | b'}' => return self.close(byte, begin),
            b':' => {
                if let Some(&part) = self.field_level() {
                    self.tokens.push(kind::OPERATOR, begin);
                    let mode = Mode::Specification;
                    return self.interpolated(Part { mode, ..part }, begin + 1, begin + 1);
                }
                let walrus = self.at(begin + 1) == Some(b'=');
                (kind::OPERATOR, begin + 1 + usize::from(walrus))
            }
            b'@' if self.at(begin + 1) != Some(b'=') && self.at_logical_line() => {
                (kind::ANNOTATION, begin + 1)
            }
            b'\\' => (kind::ERROR, begin + 1),
            _ if is_error(byte) => (kind::ERROR, self.skip(begin, is_error)),
            _ => (kind::OPERATOR, begin + self.operator_length(byte, begin)),
        };
        self.tokens.push(token_kind, begin);
        end
    }

    /// After the line break at `position`.
    fn line_break(&self, position: usize) -> usize {
        let pair = self.at(position) == Some(b'\r') && self.at(position + 1) == Some(b'\n');
        position + 1 + usize::from(pair)
    }

    /// The part around the innermost field, if the place is in one and in no bracket inside it.
    fn field_level(&self) -> Option<&Part> {
        self.fields.last().filter(|_| self.nest == 0)
    }

    fn close(&mut self, byte: u8, begin: usize) -> usize {
        self.tokens.push(kind::CLOSE, begin);
        if byte == b'}' && self.nest == 0 {
            if let Some(part) = self.fields.pop() {
                return self.interpolated(part, begin + 1, begin + 1);
            }
        }
        self.nest = self.nest.saturating_sub(1);
        begin + 1
    }

    /// Whether only spaces separate the place from a line break that ends a logical line.
    fn at_logical_line(&self) -> bool {
        if self.nest > 0 || !self.fields.is_empty() {
            return false;
        }
        for (&token_kind, &start) in self.tokens.kind.iter().zip(&self.tokens.start).rev() {
            match token_kind {
                kind::WHITESPACE if self.at(start as usize) != Some(b'\\') => {}
                _ => return token_kind == kind::NEWLINE,
            }
        }
        true
    }

    /// Where the opening quote is, if a prefix and a quote stand at `begin`.
    fn prefix_end(&self, begin: usize) -> Option<usize> {
        let letter = |at: usize| self.at(at).map(|byte| byte.to_ascii_lowercase());
        let is_quote = |at: usize| matches!(self.at(at), Some(b'\'' | b'"'));
        let first = letter(begin)?;
        if !matches!(first, b'b' | b'f' | b'r' | b't' | b'u') {
            return None;
        }
        if is_quote(begin + 1) {
            return Some(begin + 1);
        }
        let second = letter(begin + 1)?;
        let pair = match first {
            b'r' => matches!(second, b'b' | b'f' | b't'),
            _ => second == b'r',
        };
        (pair && is_quote(begin + 2)).then_some(begin + 2)
    }

    /// The literal whose prefix begins at `begin` and whose opening quote stands at `quote_at`.
    fn string(&mut self, begin: usize, quote_at: usize) -> usize {
        let quote = self.data[quote_at];
        let triple = self.at(quote_at + 1) == Some(quote) && self.at(quote_at + 2) == Some(quote);
        let has = |wanted: u8| {
            self.data[begin..quote_at]
                .iter()
                .any(|byte| byte.to_ascii_lowercase() == wanted)
        };
        let literal = Literal {
            quote,
            triple,
            raw: has(b'r'),
        };
        let body = quote_at + if triple { 3 } else { 1 };
        if has(b'f') || has(b't') {
            let (base, nest) = (self.fields.len(), self.nest);
            let mode = Mode::Interpolated;
            return self.interpolated(
                Part {
                    literal,
                    mode,
                    base,
                    nest,
                },
                begin,
                body,
            );
        }
        self.tokens.push(kind::STRING, begin);
        self.part_end(literal, Mode::Plain, body).1
    }

    /// What stops the part of a literal that goes on at `position`, and where it ends: after
    /// the closing quote if that stops it.
    fn part_end(&self, literal: Literal, mode: Mode, mut position: usize) -> (Stop, usize) {
        let Literal { quote, triple, .. } = literal;
        while let Some(byte) = self.at(position) {
            match byte {
                b'\\' => position = self.escape_end(literal, mode, position),
                b'\n' | b'\r' if !triple => return (Stop::End, position),
                b'{' if mode == Mode::Interpolated && self.at(position + 1) == Some(b'{') => {
                    position += 2
                }
                b'{' if mode != Mode::Plain => return (Stop::Brace, position),
                b'}' if mode == Mode::Specification => return (Stop::Brace, position),
                _ if byte != quote => position += 1,
                _ if !triple => return (Stop::End, position + 1),
                _ if self.at(position + 1) == Some(quote)
                    && self.at(position + 2) == Some(quote) =>
                {
                    return (Stop::End, position + 3)
                }
                _ => position += 1,
            }
        }
        (Stop::End, position)
    }

    /// After the backslash at `position` and what it takes with it.
    fn escape_end(&self, literal: Literal, mode: Mode, position: usize) -> usize {
        let fields = mode != Mode::Plain;
        match (self.at(position + 1), self.at(position + 2)) {
            (None, _) => position + 1,
            (Some(b'{' | b'}'), _) if fields => position + 1,
            (Some(b'N'), Some(b'{')) if fields && !literal.raw => {
                let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-');
                let end = self.skip(position + 3, name);
                if self.at(end) == Some(b'}') {
                    end + 1
                } else {
                    position + 3
                }
            }
            (Some(b'\r'), Some(b'\n')) => position + 3,
            _ => position + 2,
        }
    }

    /// Literal parts from `part` on, which began at `begin` and goes on at `position`, up to code.
    fn interpolated(&mut self, mut part: Part, mut begin: usize, mut position: usize) -> usize {
        loop {
            let (stop, end) = self.part_end(part.literal, part.mode, position);
            if end > begin {
                self.tokens.push(kind::STRING, begin);
            }
            if let Stop::End = stop {
                self.fields.truncate(part.base);
                self.nest = part.nest;
                return end;
            }
            begin = end + 1;
            position = begin;
            if self.at(end) == Some(b'{') {
                self.tokens.push(kind::OPEN, end);
                self.fields.push(part);
                self.nest = 0;
                return position;
            }
            self.tokens.push(kind::CLOSE, end);
            match self.fields.pop() {
                Some(outer) => part = outer,
                None => return position,
            }
        }
    }

    /// Digits with single underscores between them, from `position` on; `position` itself if there are none.
    fn digits(&self, position: usize, is_digit: impl Fn(u8) -> bool) -> usize {
        let mut end = self.skip(position, &is_digit);
        if end == position {
            return position;
        }
        while self.at(end) == Some(b'_') && self.at(end + 1).is_some_and(&is_digit) {
            end = self.skip(end + 1, &is_digit);
        }
        end
    }

    fn number(&self, begin: usize) -> usize {
        if self.at(begin) == Some(b'0') {
            let is_digit: Option<fn(u8) -> bool> = match self.at(begin + 1) {
                Some(b'x' | b'X') => Some(|byte| byte.is_ascii_hexdigit()),
                Some(b'b' | b'B') => Some(|byte| matches!(byte, b'0' | b'1')),
                Some(b'o' | b'O') => Some(|byte| matches!(byte, b'0'..=b'7')),
                _ => None,
            };
            if let Some(is_digit) = is_digit {
                let first = begin + 2 + usize::from(self.at(begin + 2) == Some(b'_'));
                let end = self.digits(first, is_digit);
                if end > first {
                    return end;
                }
            }
        }
        let decimal = |byte: u8| byte.is_ascii_digit();
        let mut end = self.digits(begin, decimal);
        if self.at(end) == Some(b'.') {
            end = self.digits(end + 1, decimal);
        }
        if matches!(self.at(end), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(self.at(end + 1), Some(b'+' | b'-')));
            let exponent = self.digits(end + 1 + signed, decimal);
            if exponent > end + 1 + signed {
                end = exponent;
            }
        }
        end + usize::from(matches!(self.at(end), Some(b'j' | b'J')))
    }

    fn operator_length(&self, byte: u8, begin: usize) -> usize {
        let (second, third) = (self.at(begin + 1), self.at(begin + 2));
        match (byte, second) {
            (b'*' | b'/' | b'<' | b'>', Some(next)) if next == byte => {
                2 + usize::from(third == Some(b'='))
            }
            (b'-', Some(b'>')) | (b'<', Some(b'>')) => 2,
            (b'.', Some(b'.')) if third == Some(b'.') => 3,
            (b'~' | b',' | b';' | b'.', _) => 1,
            (_, Some(b'=')) => 2,
            _ => 1,
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_error(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1f | 0x7f | b'$' | b'?' | b'`')
}
