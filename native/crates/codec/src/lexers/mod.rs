//! Lexers: one file per language, each the twin of a pure Python lexer.
//!
//! A lexer takes any bytes whatever and gives tokens that tile them exactly. It must
//! agree token for token with its twin in `qyn1_plugins/frontends`; the tests compare
//! them on random input and on real projects.

pub mod binary;
pub mod cpp;
pub mod javascript;
pub mod python;
pub mod rust;
mod scanning;
pub mod text;

/// What a token is: the numbers of `qyn1_plugins.tokens.TokenKind`.
pub mod kind {
    /// Spaces, tabs, form feeds inside a line, line continuations.
    pub const WHITESPACE: u8 = 0;
    /// One line break: LF, CRLF or CR.
    pub const NEWLINE: u8 = 1;
    /// From its opener to its end, without a line comment's line break.
    pub const COMMENT: u8 = 2;
    /// A name.
    pub const IDENTIFIER: u8 = 3;
    /// A reserved word.
    pub const KEYWORD: u8 = 4;
    /// A numeric literal.
    pub const NUMBER: u8 = 5;
    /// A whole literal, or one literal part of an interpolated one.
    pub const STRING: u8 = 6;
    /// Operators and separators.
    pub const OPERATOR: u8 = 7;
    /// Round, square and curly brackets and what the language nests with.
    pub const OPEN: u8 = 8;
    /// What ends an `OPEN`.
    pub const CLOSE: u8 = 9;
    /// JavaScript regular expression literal.
    pub const REGEX: u8 = 10;
    /// JSX text.
    pub const MARKUP: u8 = 11;
    /// The word of a C preprocessor directive with its `#`.
    pub const PREPROCESSOR: u8 = 12;
    /// Python decorator `@`, Rust attribute `#`, Rust lifetime.
    pub const ANNOTATION: u8 = 13;
    /// A run of prose, or of bytes of no known structure.
    pub const TEXT: u8 = 14;
    /// Bytes that cannot begin a token here.
    pub const ERROR: u8 = 15;
}

/// Tokens that tile some data: token `i` goes from `start[i]` to `start[i + 1]` or the end.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Values of [`kind`].
    pub kind: Vec<u8>,
    /// Byte offsets, strictly ascending from 0.
    pub start: Vec<u32>,
}

impl Tokens {
    /// No tokens, with room for those of about `bytes` bytes of source code.
    pub fn with_room_for(bytes: usize) -> Self {
        let count = bytes / 3 + 1;
        Self {
            kind: Vec::with_capacity(count),
            start: Vec::with_capacity(count),
        }
    }

    /// Adds the token that begins at `start`. Lexers refuse data past 4 GiB beforehand.
    #[inline]
    pub fn push(&mut self, kind: u8, start: usize) {
        self.kind.push(kind);
        self.start.push(start as u32);
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.kind.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kind.is_empty()
    }
}

/// Why [`lex`] gives no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexError {
    /// No lexer has this name.
    UnknownLanguage,
    /// Offsets past 2^32 - 1 do not fit a token stream.
    TooLong,
}

/// The tokens of `data` in `language`, the name of a built-in frontend.
pub fn lex(language: &str, data: &[u8]) -> Result<Tokens, LexError> {
    if u32::try_from(data.len()).is_err() {
        return Err(LexError::TooLong);
    }
    let lexer: fn(&[u8]) -> Tokens = match language {
        "python" => python::lex,
        "javascript" => javascript::lex,
        "rust" => rust::lex,
        "cpp" => cpp::lex,
        "text" => text::lex,
        "binary" => binary::lex,
        _ => return Err(LexError::UnknownLanguage),
    };
    Ok(lexer(data))
}
