//! What surrounds the next byte of a source file: words, layout, brackets, lexer state.
//!
//! Follows the text incrementally, guesses where it must, and never looks ahead, so
//! that a decoder has the same view.

/// Number of hashed contexts.
pub const CONTEXTS: usize = 23;
/// The context that depends on what a match predicts.
pub const MATCH_CONTEXT: usize = 18;

/// How a language writes comments and strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `#` comments, both quotes, tripled quotes.
    Python,
    /// `//` and `/* */` comments, both quotes, back quotes.
    JavaScript,
    /// `//` and `/* */` comments, double quotes (single ones are lifetimes as often).
    Rust,
    /// `//` and `/* */` comments, both quotes.
    Cpp,
    /// None of these.
    Text,
}

impl Syntax {
    /// The syntax of a frontend's language.
    pub fn of(language: &str) -> Self {
        match language {
            "python" => Syntax::Python,
            "javascript" => Syntax::JavaScript,
            "rust" => Syntax::Rust,
            "cpp" => Syntax::Cpp,
            _ => Syntax::Text,
        }
    }
}

/// Where the lexer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// In code.
    Code,
    /// In a comment that ends with the line.
    Line,
    /// In a comment with an end mark.
    Block,
    /// In a string between single quotes.
    Single,
    /// In a string between double quotes.
    Double,
    /// In a string between back quotes.
    Back,
    /// In a Python string between three single quotes.
    TripleSingle,
    /// In a Python string between three double quotes.
    TripleDouble,
}

#[derive(Clone, Copy, Default)]
struct Open {
    byte: u8,
    before: u32,
    items: u32,
}

const DEPTH: usize = 64;
/// Tokens of a line that are kept for the line below.
const LINE_TOKENS: usize = 64;
/// log2 of the number of words whose last successor is kept.
const SUCCESSOR_BITS: u32 = 14;

/// The view of the text so far.
pub struct Surroundings {
    syntax: Syntax,
    pub place: Place,
    escaped: bool,
    /// The last four bytes, newest lowest, and the four before.
    pub recent: u32,
    older: u32,
    pub word: u32,
    words: [u32; 4],
    part: u32,
    pub word_length: u32,
    pub part_length: u32,
    punctuation: u32,
    shape: u32,
    line_start: usize,
    line_above: usize,
    pub column: u32,
    pub leading: bool,
    indent: u32,
    indent_above: u32,
    first_word: u32,
    first_above: u32,
    by_indent: [u32; 64],
    last_of_line: u8,
    /// Tokens (words and punctuation characters) of the line so far, and their number.
    line: [u32; LINE_TOKENS],
    tokens: u32,
    /// The same of the last line that had any.
    line_before: [u32; LINE_TOKENS],
    tokens_before: u32,
    /// The word that last came after each word, by its hash.
    successors: Vec<u32>,
    open: Vec<Open>,
    pub above: u32,
    followers: Vec<u16>,
    follower: usize,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 128
}

/// Class of a byte, 0 to 7.
pub fn class(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        b'_' | b'$' | 128..=255 => 3,
        b' ' | b'\t' => 4,
        b'\n' | b'\r' => 5,
        b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' => 6,
        _ => 7,
    }
}

#[inline(always)]
fn mix(a: u32, b: u32) -> u32 {
    (a.wrapping_add(b).wrapping_add(1))
        .wrapping_mul(0x9E37_79B1)
        .rotate_left(13)
        ^ b.wrapping_mul(0x85EB_CA6B)
}

/// Where the successor of `word` is kept.
#[inline(always)]
fn successor_place(word: u32) -> usize {
    (word.wrapping_mul(0x9E37_79B1) >> (32 - SUCCESSOR_BITS)) as usize
}

/// Hash of what the context number `index` is about.
#[inline(always)]
fn hash(index: usize, a: u32, b: u32) -> u64 {
    let mut x = (u64::from(a) << 32 | u64::from(b))
        .wrapping_add((index as u64 + 1).wrapping_mul(0xA24B_AED4_963E_E407));
    x = (x ^ x >> 31).wrapping_mul(0x9FB2_1C65_1E98_DF25);
    x = (x ^ x >> 28).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    x ^ x >> 32
}

impl Surroundings {
    /// The view before the first byte.
    pub fn new(syntax: Syntax) -> Self {
        Surroundings {
            syntax,
            place: Place::Code,
            escaped: false,
            recent: 0,
            older: 0,
            word: 0,
            words: [0; 4],
            part: 0,
            word_length: 0,
            part_length: 0,
            punctuation: 0,
            shape: 0,
            line_start: 0,
            line_above: 0,
            column: 0,
            leading: true,
            indent: 0,
            indent_above: 0,
            first_word: 0,
            first_above: 0,
            by_indent: [0; 64],
            last_of_line: 0,
            line: [0; LINE_TOKENS],
            tokens: 0,
            line_before: [0; LINE_TOKENS],
            tokens_before: 0,
            successors: vec![0; 1 << SUCCESSOR_BITS],
            open: Vec::with_capacity(DEPTH),
            above: 0,
            followers: vec![0; 1 << 16],
            follower: 0,
        }
    }

    /// Kind of the innermost open bracket, 0 to 4.
    pub fn bracket(&self) -> usize {
        match self.open.last().map(|open| open.byte) {
            None => 0,
            Some(b'(') => 1,
            Some(b'[') => 2,
            Some(b'{') => 3,
            Some(_) => 4,
        }
    }

    /// 0 in code, 1 in a comment, 2 in a string.
    pub fn kind(&self) -> usize {
        match self.place {
            Place::Code => 0,
            Place::Line | Place::Block => 1,
            _ => 2,
        }
    }

    /// Takes in the last byte of `history`.
    pub fn byte(&mut self, history: &[u8]) {
        let Some(&byte) = history.last() else { return };
        let before = self.recent as u8;
        self.followers[self.follower] = self.followers[self.follower] << 8 | u16::from(byte);
        self.older = self.older << 8 | self.recent >> 24;
        self.recent = self.recent << 8 | u32::from(byte);
        self.follower = (self.recent & 0xffff) as usize;
        self.words(byte, before);
        self.lex(byte, before);
        self.layout(byte, history.len());
        let above = self.line_above + self.column as usize;
        let at = |index: usize| {
            if index < self.line_start {
                history.get(index).copied().unwrap_or(0)
            } else {
                0
            }
        };
        self.above = if self.line_start > 0 {
            u32::from(at(above))
                | u32::from(at(above + 1)) << 8
                | u32::from(at(above.wrapping_sub(1))) << 16
        } else {
            0
        };
    }

    fn words(&mut self, byte: u8, before: u8) {
        if is_word(byte) {
            if self.word == 0 {
                self.word_length = 0;
            }
            let boundary = !is_word(before)
                || (byte.is_ascii_uppercase() && !before.is_ascii_uppercase())
                || byte.is_ascii_digit() != before.is_ascii_digit()
                || before == b'_';
            if boundary && self.part != 0 {
                self.part = 0;
                self.part_length = 0;
            }
            self.word = mix(self.word, u32::from(byte));
            self.word_length += 1;
            if byte != b'_' {
                self.part = mix(self.part, u32::from(byte.to_ascii_lowercase()));
                self.part_length += 1;
            }
        } else {
            if self.word != 0 {
                self.successors[successor_place(self.words[0])] = self.word;
                self.words = [self.word, self.words[0], self.words[1], self.words[2]];
                if self.first_word == 0 {
                    self.first_word = self.word;
                }
                self.shape = self.shape << 4 | 1;
                self.token(self.word);
                self.word = 0;
                self.word_length = 0;
                self.part = 0;
                self.part_length = 0;
            }
            if byte != b' ' && byte != b'\t' {
                self.punctuation = self.punctuation << 8 | u32::from(byte);
                self.shape =
                    self.shape << 4 | (u32::from(byte).wrapping_mul(0x9E37_79B1) >> 28).max(2);
                self.token(u32::from(byte));
            }
        }
    }

    fn token(&mut self, token: u32) {
        if let Some(place) = self.line.get_mut(self.tokens as usize) {
            *place = token;
        }
        self.tokens += 1;
    }

    /// The token of the line before that stands `ahead` of where this line is, in tokens; 0 for none.
    #[inline(always)]
    fn token_above(&self, ahead: u32) -> u32 {
        let index = self.tokens + ahead;
        if index < self.tokens_before {
            self.line_before.get(index as usize).copied().unwrap_or(0)
        } else {
            0
        }
    }

    fn lex(&mut self, byte: u8, before: u8) {
        use Place::{Back, Block, Code, Double, Line, Single, TripleDouble, TripleSingle};
        let slashes = !matches!(self.syntax, Syntax::Python | Syntax::Text);
        let escaped = std::mem::replace(&mut self.escaped, false);
        match self.place {
            Code => {
                match byte {
                    b'#' if self.syntax == Syntax::Python => self.place = Line,
                    b'/' if slashes && before == b'/' => self.place = Line,
                    b'*' if slashes && before == b'/' => self.place = Block,
                    b'"' if self.syntax != Syntax::Text => {
                        self.place = if self.syntax == Syntax::Python
                            && self.recent & 0xff_ffff == 0x22_2222
                        {
                            TripleDouble
                        } else {
                            Double
                        };
                    }
                    b'\''
                        if self.syntax == Syntax::Python
                            && self.recent & 0xff_ffff == 0x27_2727 =>
                    {
                        self.place = TripleSingle;
                    }
                    b'\''
                        if !matches!(self.syntax, Syntax::Text | Syntax::Rust)
                            && !before.is_ascii_digit() =>
                    {
                        self.place = Single;
                    }
                    b'`' if self.syntax == Syntax::JavaScript => self.place = Back,
                    _ => {}
                }
                if self.place == Code {
                    self.brackets(byte);
                }
            }
            Line if byte == b'\n' => self.place = Code,
            Block if byte == b'/' && before == b'*' => self.place = Code,
            Line | Block => {}
            TripleDouble if byte == b'"' && self.recent & 0xff_ffff == 0x22_2222 => {
                self.place = Code
            }
            TripleSingle if byte == b'\'' && self.recent & 0xff_ffff == 0x27_2727 => {
                self.place = Code
            }
            _ if escaped => {}
            _ if byte == b'\\' => self.escaped = true,
            Single if byte == b'\'' || byte == b'\n' => self.place = Code,
            Double if byte == b'"' || (byte == b'\n' && self.syntax != Syntax::Rust) => {
                self.place = Code
            }
            Back if byte == b'`' => self.place = Code,
            Single | Double | Back | TripleDouble | TripleSingle => {}
        }
    }

    fn brackets(&mut self, byte: u8) {
        match byte {
            b'(' | b'[' | b'{' => {
                if self.open.len() == DEPTH {
                    self.open.remove(0);
                }
                self.open.push(Open {
                    byte,
                    before: self.words[0],
                    items: 0,
                });
            }
            b')' | b']' | b'}' => {
                let opening = match byte {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if let Some(depth) = self.open.iter().rposition(|open| open.byte == opening) {
                    self.open.truncate(depth);
                }
            }
            b',' | b';' => {
                if let Some(open) = self.open.last_mut() {
                    open.items = (open.items + 1).min(if byte == b',' { 255 } else { 1 });
                }
            }
            _ => {}
        }
    }

    fn layout(&mut self, byte: u8, position: usize) {
        if byte == b'\n' {
            if !self.leading {
                self.indent_above = self.indent;
                self.first_above = self.first_word;
                self.by_indent[self.indent.min(63) as usize] = self.first_word;
            }
            self.line_above = self.line_start;
            self.line_start = position;
            self.column = 0;
            self.leading = true;
            self.indent = 0;
            self.first_word = 0;
            if self.tokens > 0 {
                self.line_before = self.line;
                self.tokens_before = self.tokens;
            }
            self.tokens = 0;
        } else {
            self.column += 1;
            if self.leading {
                if byte == b' ' || byte == b'\t' {
                    self.indent += 1;
                } else {
                    self.leading = false;
                }
            }
            if byte != b' ' && byte != b'\t' {
                self.last_of_line = byte;
            }
        }
    }

    /// Hash of the context of what the longest match predicts: `expected` is the byte
    /// with its length class.
    #[inline(always)]
    pub fn match_hash(&self, expected: u32) -> u64 {
        hash(MATCH_CONTEXT, expected, mix(self.recent & 0xff, 5))
    }

    /// Hashes of all contexts but that of the match.
    #[inline(always)]
    pub fn hashes(&self) -> [u64; CONTEXTS] {
        let r = self.recent;
        let c1 = r & 0xff;
        let word = self.word;
        let kind = self.kind() as u32;
        let place = self.place as u32;
        let open = self.open.last().copied().unwrap_or_default();
        let outer = match self.open.len() {
            0 | 1 => Open::default(),
            n => self.open[n - 2],
        };
        let follower = u32::from(self.followers[self.follower]);
        let head = if self.leading {
            mix(
                mix(
                    self.column | 0x100,
                    self.by_indent[self.indent.min(63) as usize],
                ),
                self.indent_above << 8 | u32::from(self.last_of_line),
            )
        } else {
            mix(self.indent, c1)
        };
        let pairs: [(u32, u32); CONTEXTS] = [
            (place, 0),
            (c1, kind),
            (r & 0xffff, 0),
            (r & 0xff_ffff, 0),
            (r, 0),
            (r, self.older & 0xff | 0x100),
            (mix(word, c1), self.words[0]),
            (mix(word, c1), mix(self.words[0], self.words[1])),
            (mix(word, c1), kind),
            (mix(word, c1), mix(self.words[1], 77)),
            (mix(self.part, c1), self.punctuation & 0xff),
            (self.above & 0xffff, mix(c1, self.above >> 16)),
            (head, self.first_above),
            (
                mix(open.before, open.items),
                mix(word, c1 | u32::from(open.byte) << 8),
            ),
            (
                mix(u32::from(open.byte), u32::from(outer.byte)),
                mix(r & 0xffff, outer.before),
            ),
            (mix(self.shape & 0xffff, word), c1 | place << 8),
            (r & 0xff_ff00, 0),
            (follower, c1),
            (0, 0),
            (self.punctuation & 0xff_ffff, mix(word, c1)),
            (mix(word, c1), mix(self.token_above(0), self.token_above(1))),
            (
                mix(word, c1),
                mix(self.successors[successor_place(self.words[0])], 3),
            ),
            (mix(word, c1), mix(self.first_word, self.tokens.min(15))),
        ];
        let mut hashes = [0; CONTEXTS];
        for (index, (value, (a, b))) in hashes.iter_mut().zip(pairs).enumerate() {
            *value = hash(index, a, b);
        }
        hashes
    }

    /// Number of bytes so far.
    pub fn position(&self) -> usize {
        self.line_start + self.column as usize
    }

    /// Number of tokens in the line so far.
    pub fn tokens(&self) -> u32 {
        self.tokens
    }
}
