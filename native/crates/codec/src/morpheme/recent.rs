//! The tokens before: what contexts are made of, and where a match goes on.

use super::tokens::{BREAK, SPACES};
use crate::prefetch::prefetch;

/// Contexts that name candidates.
pub const CONTEXTS: usize = 5;
/// How many parts of each are tokens; a part that is none is below 2^24.
pub const TOKEN_PARTS: [usize; CONTEXTS] = [2, 2, 2, 2, 3];
/// Shortest match, in tokens.
const SHORTEST_MATCH: usize = 4;
/// A match of so many tokens is followed beyond a token that differs.
const RELIABLE: usize = 5;
/// Longest match that is looked back for.
const LONGEST_LOOK: usize = 32;

/// 1 to 3 for an opening bracket.
fn bracket_kind(morph: u32) -> u32 {
    match morph {
        0x28 => 1,
        0x5b => 2,
        _ => 3,
    }
}

/// What stands around the next token.
#[derive(Clone, Copy)]
pub struct Around {
    /// The three tokens before, the nearest first.
    pub back: [u32; 3],
    /// The first token of the line, or of the line before at a line's start.
    pub first: u32,
    /// The token above.
    pub above: u32,
    /// The token before the innermost open bracket.
    pub callee: u32,
    /// The bracket's kind, or 4 and the indentation outside of brackets.
    pub inside: u32,
    /// The indentation at a line's start, else 0.
    pub start: u32,
}

impl Around {
    /// The contexts that name candidates.
    #[inline(always)]
    pub fn contexts(&self) -> [[u32; 3]; CONTEXTS] {
        let [t1, t2, t3] = self.back;
        [
            [t1, 0, self.start],
            [t1, t2, 0],
            [t1, self.first, 0],
            [t1, self.callee, self.inside],
            [t1, t2, t3],
        ]
    }
}

/// The history of one block.
pub struct Recent {
    tokens: Vec<u32>,
    match_places: Vec<u32>,
    /// Where `look` looks.
    place: usize,
    match_at: usize,
    match_length: usize,
    line: Vec<u32>,
    line_before: Vec<u32>,
    brackets: Vec<u32>,
    by_indent: [u32; 64],
}

impl Recent {
    /// Nothing yet; `1 << bits` places to look for matches.
    pub fn new(bits: u32) -> Self {
        Recent {
            tokens: vec![0; 3],
            match_places: vec![0; 1 << bits],
            place: 0,
            match_at: 0,
            match_length: 0,
            line: Vec::with_capacity(256),
            line_before: Vec::with_capacity(256),
            brackets: Vec::with_capacity(256),
            by_indent: [0; 64],
        }
    }

    /// The token that the match says comes next, and how many tokens it agreed on (0 without a match).
    #[inline(always)]
    pub fn expected(&self) -> (u32, usize) {
        (self.tokens[self.match_at], self.match_length)
    }

    /// What stands around the next token, on a line indented by `width`.
    #[inline(always)]
    pub fn around(&self, width: usize) -> Around {
        let n = self.tokens.len();
        let at_start = self.line.is_empty();
        let before = self.line_before.first();
        let first = if at_start { before } else { self.line.first() };
        let above = if at_start {
            self.by_indent[width.min(63)]
        } else {
            self.line_before.get(self.line.len()).copied().unwrap_or(2)
        };
        let (callee, inside) = match self.brackets.last() {
            Some(&bracket) => (bracket >> 2, bracket & 3),
            None => (0, 4 + width as u32),
        };
        Around {
            back: [self.tokens[n - 1], self.tokens[n - 2], self.tokens[n - 3]],
            first: first.copied().unwrap_or(1),
            above,
            callee,
            inside,
            start: if at_start { width as u32 } else { 0 },
        }
    }

    /// Learns the next token, on a line indented by `width`.
    #[inline(always)]
    pub fn push(&mut self, token: u32, width: usize) {
        if self.match_length > 0 {
            // After a miss it may go on: lengths below the shortest say so.
            self.match_length = if self.tokens[self.match_at] == token {
                self.match_length + 1
            } else {
                usize::from(self.match_length >= RELIABLE)
            };
            self.match_at += 1;
        }
        self.tokens.push(token);
        self.aim();
        let morph = token >> 1;
        if (BREAK..SPACES).contains(&morph) {
            std::mem::swap(&mut self.line, &mut self.line_before);
            self.line.clear();
            return;
        }
        if self.line.is_empty() {
            self.by_indent[width.min(63)] = token;
        }
        if self.line.len() < 256 {
            self.line.push(token);
        }
        match morph {
            0x28 | 0x5b | 0x7b if self.brackets.len() < 256 => {
                let callee = self.tokens[self.tokens.len() - 2];
                self.brackets.push(callee << 2 | bracket_kind(morph));
            }
            0x29 | 0x5d | 0x7d => {
                self.brackets.pop();
            }
            _ => {}
        }
    }

    /// Where the last tokens are remembered, which is fetched.
    #[inline(always)]
    fn aim(&mut self) {
        let mut key = 0u64;
        for &token in &self.tokens[self.tokens.len() - SHORTEST_MATCH..] {
            key = (key ^ u64::from(token))
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(29);
        }
        self.place = (key ^ key >> 32) as usize & (self.match_places.len() - 1);
        prefetch(&self.match_places[self.place]);
    }

    /// Looks for a match of the last tokens, if there is none, and remembers them. Between `push` and this
    /// the caller does something else, while memory is fetched.
    #[inline(always)]
    pub fn look(&mut self) {
        let place = &mut self.match_places[self.place];
        if self.match_length < SHORTEST_MATCH {
            let at = *place as usize;
            let same = self.tokens[..at]
                .iter()
                .rev()
                .zip(self.tokens.iter().rev())
                .take(LONGEST_LOOK)
                .take_while(|(a, b)| a == b)
                .count();
            if same >= SHORTEST_MATCH {
                self.match_at = at;
                self.match_length = same;
            }
        }
        *place = self.tokens.len() as u32;
    }
}
