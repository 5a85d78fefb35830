//! JavaScript and TypeScript with JSX: the twin of `qyn1_plugins/frontends/javascript.py`,
//! whose docstring says what is decided.

use std::collections::HashMap;

use super::scanning::{
    after, after_line_break, at, byte_order_mark, has, is, line_end, quoted_end, skip, skip_while,
    BLANK, DIGIT, DOLLAR, NAME_START,
};
use super::{kind, Tokens};

const START: u8 = NAME_START | DOLLAR;
const NAME: u8 = NAME_START | DIGIT | DOLLAR;

/// Tokens that tile `data`.
pub fn lex(data: &[u8]) -> Tokens {
    let mut scan = Scan::new(data);
    let mut position = byte_order_mark(data);
    if position > 0 {
        scan.tokens.push(kind::WHITESPACE, 0);
    }
    if has(data, position, b"#!") {
        scan.tokens.push(kind::COMMENT, position);
        position = line_end(data, position);
    }
    while position < data.len() {
        position = match scan.stack.last() {
            Some(Frame::Template) => scan.template(position),
            Some(Frame::Tag | Frame::ClosingTag) => scan.tag(position),
            Some(Frame::Children) => scan.children(position),
            _ => scan.code(position),
        };
    }
    scan.tokens
}

/// What is open. Inside `Template` and those after it there is no code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Paren,
    Condition,
    Bracket,
    Block,
    Object,
    Template,
    Tag,
    ClosingTag,
    Children,
}

struct Scan<'a> {
    data: &'a [u8],
    tokens: Tokens,
    stack: Vec<Frame>,
    /// Index of the last token that is neither blank nor comment.
    last: Option<usize>,
    /// The last `)` closed an `if (` or the like.
    closed_condition: bool,
    /// The last `}` closed an object.
    closed_object: bool,
    /// Index of the token that ended the last JSX element.
    element_end: Option<usize>,
    /// Offset before which `/` divides.
    no_regex_before: usize,
    /// Name to the last offset of its closing tag, built when first asked for.
    closing_tags: Option<HashMap<&'a [u8], usize>>,
}

impl<'a> Scan<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            tokens: Tokens::with_room_for(data.len()),
            stack: Vec::new(),
            last: None,
            closed_condition: false,
            closed_object: false,
            element_end: None,
            no_regex_before: 0,
            closing_tags: None,
        }
    }

    #[inline]
    fn push(&mut self, kind: u8, start: usize) {
        if kind > kind::COMMENT {
            self.last = Some(self.tokens.len());
        }
        self.tokens.push(kind, start);
    }

    /// The bytes of token `index`, where the next token to come begins at `position`.
    fn text(&self, index: usize, position: usize) -> &'a [u8] {
        let end = self
            .tokens
            .start
            .get(index + 1)
            .map_or(position, |&start| start as usize);
        &self.data[self.tokens.start[index] as usize..end]
    }

    /// The first byte of token `index`.
    fn first_byte(&self, index: usize) -> u8 {
        self.data[self.tokens.start[index] as usize]
    }

    // Code

    /// Adds the token of code at `from` and gives its end.
    fn code(&mut self, from: usize) -> usize {
        let data = self.data;
        let next = data.get(from + 1).copied();
        let (kind, end) = match data[from] {
            b' ' | b'\t' | 0x0B | 0x0C => (kind::WHITESPACE, skip(data, from, BLANK)),
            b'\n' | b'\r' => (kind::NEWLINE, after_line_break(data, from)),
            b'/' if next == Some(b'/') => (kind::COMMENT, line_end(data, from)),
            b'/' if next == Some(b'*') => (kind::COMMENT, after(data, b"*/", from + 2)),
            b'/' => self.slash(from),
            b'"' | b'\'' => (kind::STRING, quoted_end(data, from + 1, data[from], true)),
            b'`' => {
                self.stack.push(Frame::Template);
                (kind::STRING, self.template_part(from + 1))
            }
            b'(' | b'[' | b'{' => {
                let frame = match data[from] {
                    b'(' if self.after_condition_keyword(from) => Frame::Condition,
                    b'(' => Frame::Paren,
                    b'[' => Frame::Bracket,
                    _ if self.begins_block(from) => Frame::Block,
                    _ => Frame::Object,
                };
                self.stack.push(frame);
                (kind::OPEN, from + 1)
            }
            b')' | b']' | b'}' => {
                self.close(data[from]);
                (kind::CLOSE, from + 1)
            }
            b'<' if !matches!(next, Some(b'<' | b'=')) => {
                if !self.after_operand(from) && self.begins_element(from) {
                    self.stack.push(Frame::Tag);
                }
                (kind::OPERATOR, from + 1)
            }
            b'@' => (kind::ANNOTATION, from + 1),
            b'#' if is(data, from + 1, START) => (kind::IDENTIFIER, skip(data, from + 1, NAME)),
            b'\\' if next == Some(b'u') => (kind::IDENTIFIER, escaped_name_end(data, from + 2)),
            b'0'..=b'9' => (kind::NUMBER, number_end(data, from)),
            b'.' if is(data, from + 1, DIGIT) => (kind::NUMBER, number_end(data, from)),
            _ if is(data, from, START) => word(data, from),
            _ => match operator_length(data, from) {
                0 => (kind::ERROR, from + 1),
                length => (kind::OPERATOR, from + length),
            },
        };
        self.push(kind, from);
        end
    }

    /// Whether a value ended before the token at `position`.
    fn after_operand(&self, position: usize) -> bool {
        let Some(index) = self.last else {
            return false;
        };
        match self.tokens.kind[index] {
            kind::IDENTIFIER | kind::STRING | kind::NUMBER | kind::REGEX => true,
            _ if self.element_end == Some(index) => true,
            kind::KEYWORD => is_operand_keyword(self.text(index, position)),
            kind::OPERATOR => match self.text(index, position) {
                b"++" | b"--" => true,
                b"!" => index.checked_sub(1).is_some_and(|before| {
                    let kind = self.tokens.kind[before];
                    kind == kind::IDENTIFIER
                        || (kind == kind::CLOSE && self.first_byte(before) == b']')
                }),
                _ => false,
            },
            kind::CLOSE => match self.first_byte(index) {
                b')' => !self.closed_condition,
                b'}' => self.closed_object,
                _ => true,
            },
            _ => false,
        }
    }

    fn after_condition_keyword(&self, position: usize) -> bool {
        self.last.is_some_and(|index| {
            self.tokens.kind[index] == kind::KEYWORD
                && matches!(
                    self.text(index, position),
                    b"if" | b"while" | b"for" | b"with"
                )
        })
    }

    fn begins_block(&self, position: usize) -> bool {
        let Some(index) = self.last else {
            return true;
        };
        let in_block = matches!(self.stack.last(), None | Some(Frame::Block));
        match self.tokens.kind[index] {
            kind::OPERATOR => match self.text(index, position) {
                b";" | b"=>" | b">" => true,
                b":" => in_block,
                _ => false,
            },
            kind::KEYWORD => is_block_keyword(self.text(index, position)),
            kind::OPEN => match self.first_byte(index) {
                b'(' | b'[' => false,
                _ => in_block,
            },
            _ => true,
        }
    }

    fn close(&mut self, bracket: u8) {
        let top = self.stack.last().copied();
        match bracket {
            b')' => {
                self.closed_condition = top == Some(Frame::Condition);
                if matches!(top, Some(Frame::Paren | Frame::Condition)) {
                    self.stack.pop();
                }
            }
            b']' => {
                if top == Some(Frame::Bracket) {
                    self.stack.pop();
                }
            }
            _ => {
                while matches!(
                    self.stack.last(),
                    Some(Frame::Paren | Frame::Condition | Frame::Bracket)
                ) {
                    self.stack.pop();
                }
                self.closed_object = self.stack.pop() == Some(Frame::Object);
            }
        }
    }

    fn slash(&mut self, from: usize) -> (u8, usize) {
        if from >= self.no_regex_before && !self.after_operand(from) {
            match regex_end(self.data, from + 1) {
                Ok(end) => return (kind::REGEX, end),
                Err(end) => self.no_regex_before = end,
            }
        }
        let length = 1 + usize::from(at(self.data, from + 1, b'='));
        (kind::OPERATOR, from + length)
    }

    fn begins_element(&mut self, from: usize) -> bool {
        let data = self.data;
        if !is(data, from + 1, START) {
            return at(data, from + 1, b'>');
        }
        let name_end = tag_name_end(data, from + 1);
        let name = &data[from + 1..name_end];
        let following = skip_spaces(data, name_end);
        match data.get(following) {
            Some(b'>') => self.last_closing_tag(name).is_some_and(|last| last > from),
            Some(b'/') => matches!(data.get(following + 1), Some(b'>' | b'*' | b'/')),
            Some(b'{') => true,
            _ if is(data, following, START) => {
                let attribute_end = tag_name_end(data, following);
                let behind = skip_spaces(data, attribute_end);
                (matches!(data.get(behind), Some(b'=' | b'>' | b'/' | b'{'))
                    || is(data, behind, START))
                    && &data[following..attribute_end] != b"extends"
                    && !is_type_operator(name)
            }
            _ => false,
        }
    }

    fn last_closing_tag(&mut self, name: &[u8]) -> Option<usize> {
        let data = self.data;
        self.closing_tags
            .get_or_insert_with(|| closing_tags(data))
            .get(name)
            .copied()
    }

    // Template literals

    /// Offset after the text from `from` on; the closing backtick is part of it and leaves the template.
    fn template_part(&mut self, from: usize) -> usize {
        let data = self.data;
        let mut position = from;
        while let Some(&byte) = data.get(position) {
            position += match byte {
                b'`' => {
                    self.stack.pop();
                    return position + 1;
                }
                b'$' if at(data, position + 1, b'{') => return position,
                b'\\' => 2,
                _ => 1,
            };
        }
        data.len()
    }

    fn template(&mut self, from: usize) -> usize {
        if has(self.data, from, b"${") {
            self.push(kind::OPEN, from);
            self.stack.push(Frame::Object);
            return from + 2;
        }
        self.push(kind::STRING, from);
        self.template_part(from)
    }

    // JSX

    fn tag(&mut self, from: usize) -> usize {
        let data = self.data;
        let next = data.get(from + 1).copied();
        let (kind, end) = match data[from] {
            b' ' | b'\t' | 0x0B | 0x0C => (kind::WHITESPACE, skip(data, from, BLANK)),
            b'\n' | b'\r' => (kind::NEWLINE, after_line_break(data, from)),
            b'/' if next == Some(b'/') => (kind::COMMENT, line_end(data, from)),
            b'/' if next == Some(b'*') => (kind::COMMENT, after(data, b"*/", from + 2)),
            quote @ (b'"' | b'\'') => {
                let content = &data[from + 1..];
                let end = match content.iter().position(|&b| b == quote) {
                    Some(length) => from + length + 2,
                    None => line_end(data, from + 1),
                };
                (kind::STRING, end)
            }
            b'/' if next == Some(b'>') => {
                self.stack.pop();
                self.element_end = Some(self.tokens.len());
                (kind::OPERATOR, from + 2)
            }
            b'>' => {
                if self.stack.pop() == Some(Frame::Tag) {
                    self.stack.push(Frame::Children);
                } else {
                    self.element_end = Some(self.tokens.len());
                }
                (kind::OPERATOR, from + 1)
            }
            b'{' => {
                self.stack.push(Frame::Object);
                (kind::OPEN, from + 1)
            }
            b'<' if self.after_equals() => {
                self.stack.push(Frame::Tag);
                (kind::OPERATOR, from + 1)
            }
            b'=' | b':' | b'.' | b'/' => (kind::OPERATOR, from + 1),
            _ if is(data, from, START) => (
                kind::IDENTIFIER,
                skip_while(data, from, |b| b == b'-' || is_name_byte(b)),
            ),
            _ => {
                self.stack.pop();
                return from;
            }
        };
        self.push(kind, from);
        end
    }

    fn after_equals(&self) -> bool {
        self.last.is_some_and(|index| {
            self.tokens.kind[index] == kind::OPERATOR && self.first_byte(index) == b'='
        })
    }

    fn children(&mut self, from: usize) -> usize {
        let data = self.data;
        let (kind, end) = match data[from] {
            b' ' | b'\t' | 0x0B | 0x0C => (kind::WHITESPACE, skip(data, from, BLANK)),
            b'\n' | b'\r' => (kind::NEWLINE, after_line_break(data, from)),
            b'<' if at(data, from + 1, b'/') => {
                self.stack.pop();
                self.stack.push(Frame::ClosingTag);
                (kind::OPERATOR, from + 2)
            }
            b'<' if at(data, from + 1, b'>') || is(data, from + 1, START) => {
                self.stack.push(Frame::Tag);
                (kind::OPERATOR, from + 1)
            }
            b'{' => {
                self.stack.push(Frame::Object);
                (kind::OPEN, from + 1)
            }
            _ => (
                kind::MARKUP,
                skip_while(data, from + 1, |b| {
                    !matches!(b, b'<' | b'{' | b'\r' | b'\n')
                }),
            ),
        };
        self.push(kind, from);
        end
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte == b'$' || byte >= 0x80 || byte.is_ascii_alphanumeric()
}

fn skip_spaces(data: &[u8], from: usize) -> usize {
    skip_while(data, from, |b| {
        matches!(b, b' ' | b'\t' | 0x0B | 0x0C | b'\r' | b'\n')
    })
}

/// End of a tag's or attribute's name at `from`, where it begins for certain.
fn tag_name_end(data: &[u8], from: usize) -> usize {
    skip_while(data, from, |b| {
        matches!(b, b'-' | b'.' | b':') || is_name_byte(b)
    })
}

fn closing_tags(data: &[u8]) -> HashMap<&[u8], usize> {
    let mut last = HashMap::new();
    let mut position = 0;
    while position < data.len() {
        position = after(data, b"</", position);
        if is(data, position, START) {
            let end = tag_name_end(data, position);
            last.insert(&data[position..end], position - 2);
            position = end;
        }
    }
    last
}

fn word(data: &[u8], from: usize) -> (u8, usize) {
    let end = skip(data, from, NAME);
    let before = &data[..from];
    let is_member = before.ends_with(b".") && !before.ends_with(b"..");
    let kind = if !is_member && is_keyword(&data[from..end]) {
        kind::KEYWORD
    } else {
        kind::IDENTIFIER
    };
    (kind, end)
}

/// End of a name that begins with an escape whose `\u` ends at `from`.
fn escaped_name_end(data: &[u8], from: usize) -> usize {
    let mut position = from;
    if at(data, from, b'{') {
        let closer = skip_while(data, from + 1, |b| b.is_ascii_hexdigit());
        if at(data, closer, b'}') {
            position = closer + 1;
        }
    }
    skip(data, position, NAME)
}

fn number_end(data: &[u8], from: usize) -> usize {
    let digits = |begin| skip_while(data, begin, |b| b.is_ascii_digit() || b == b'_');
    if data[from] == b'0'
        && matches!(
            data.get(from + 1),
            Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')
        )
    {
        return skip_while(data, from + 2, |b| b == b'_' || b.is_ascii_alphanumeric());
    }
    let mut end = digits(from);
    if at(data, end, b'.') {
        end = digits(end + 1);
    }
    if matches!(data.get(end), Some(b'e' | b'E')) {
        let exponent = end + 1 + usize::from(matches!(data.get(end + 1), Some(b'+' | b'-')));
        if is(data, exponent, DIGIT) {
            end = digits(exponent);
        }
    }
    end + usize::from(at(data, end, b'n'))
}

/// End of the regular expression whose content begins at `from`; an error gives the
/// offset where it turned out to have none.
fn regex_end(data: &[u8], from: usize) -> Result<usize, usize> {
    let mut in_class = false;
    let mut position = from;
    while let Some(&byte) = data.get(position) {
        match byte {
            b'\\'
                if data
                    .get(position + 1)
                    .is_some_and(|b| !matches!(b, b'\r' | b'\n')) =>
            {
                position += 1;
            }
            b'\\' | b'\r' | b'\n' => return Err(position),
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => {
                return Ok(skip_while(data, position + 1, |b| {
                    b == b'_' || b == b'$' || b.is_ascii_alphanumeric()
                }))
            }
            _ => {}
        }
        position += 1;
    }
    Err(data.len())
}

fn operator_length(data: &[u8], from: usize) -> usize {
    let next = data.get(from + 1).copied().unwrap_or(0);
    let third = data.get(from + 2).copied().unwrap_or(0);
    match (data[from], next, third) {
        (b'>', b'>', b'>') if at(data, from + 3, b'=') => 4,
        (b'.', b'.', b'.')
        | (b'=' | b'!', b'=', b'=')
        | (b'*', b'*', b'=')
        | (b'<', b'<', b'=')
        | (b'>', b'>', b'=' | b'>')
        | (b'&', b'&', b'=')
        | (b'|', b'|', b'=')
        | (b'?', b'?', b'=') => 3,
        (b'?', b'.', b'0'..=b'9') => 1,
        (b'=', b'>' | b'=', _)
        | (b'!' | b'%' | b'^', b'=', _)
        | (b'>', b'=' | b'>', _)
        | (b'<', b'=' | b'<', _)
        | (b'&', b'&' | b'=', _)
        | (b'|', b'|' | b'=', _)
        | (b'?', b'?' | b'.', _)
        | (b'+', b'+' | b'=', _)
        | (b'-', b'-' | b'=', _)
        | (b'*', b'*' | b'=', _) => 2,
        (
            b'-' | b'+' | b'*' | b'%' | b'&' | b'|' | b'^' | b'!' | b'~' | b'?' | b':' | b';'
            | b',' | b'.' | b'=' | b'>',
            _,
            _,
        ) => 1,
        _ => 0,
    }
}

fn is_operand_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"this" | b"super" | b"null" | b"true" | b"false" | b"async" | b"of"
    )
}

fn is_block_keyword(word: &[u8]) -> bool {
    is_operand_keyword(word)
        || matches!(
            word,
            b"else"
                | b"do"
                | b"try"
                | b"catch"
                | b"finally"
                | b"class"
                | b"static"
                | b"void"
                | b"enum"
        )
}

/// Words that begin a TypeScript type, so that `<keyof T>x` is no element.
fn is_type_operator(word: &[u8]) -> bool {
    matches!(
        word,
        b"const" | b"keyof" | b"typeof" | b"readonly" | b"unique" | b"infer" | b"in" | b"out"
    )
}

#[rustfmt::skip]
fn is_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"async" | b"await" | b"break" | b"case" | b"catch" | b"class" | b"const" | b"continue" | b"debugger"
            | b"default" | b"delete" | b"do" | b"else" | b"enum" | b"export" | b"extends" | b"false" | b"finally"
            | b"for" | b"function" | b"if" | b"implements" | b"import" | b"in" | b"instanceof" | b"interface" | b"let"
            | b"new" | b"null" | b"of" | b"package" | b"private" | b"protected" | b"public" | b"return" | b"static"
            | b"super" | b"switch" | b"this" | b"throw" | b"true" | b"try" | b"typeof" | b"var" | b"void" | b"while"
            | b"with" | b"yield"
    )
}
