//! Cutting bytes into tokens and writing tokens as bytes.
//!
//! A token is a *morph* with an optional single space before it. Morphs are numbered:
//!
//! | morph | bytes |
//! |---|---|
//! | 0..=255 | that byte |
//! | `BREAK` + 128 k + code | k + 1 line feeds, then the new line's indentation |
//! | `SPACES` + n | n spaces, 1..=63 |
//! | `TABS` + n | n tabs, 1..=15 |
//! | `FIRST_WORD`.. | a word of two or more bytes, in order of first appearance |
//!
//! The indentation of a line is coded as what changes against the last line that was
//! not blank: dropped characters, added spaces or added tabs. Every byte string cuts
//! into tokens in exactly one way, and every token stands for at least one byte.

use crate::CodecError;

/// First morph of the line breaks.
pub const BREAK: u32 = 256;
/// Codes per number of line feeds.
pub const BREAK_CODES: u32 = 128;
/// Most line feeds in one token.
pub const MOST_BREAKS: u32 = 3;
/// First morph of the runs of spaces; `SPACES + n` is n spaces.
pub const SPACES: u32 = BREAK + MOST_BREAKS * BREAK_CODES;
/// First morph of the runs of tabs; `TABS + n` is n tabs.
pub const TABS: u32 = SPACES + 64;
/// First morph that stands for a word of the dictionary.
pub const FIRST_WORD: u32 = TABS + 16;
/// Longest word in bytes; longer runs of word characters are cut.
pub const LONGEST_WORD: usize = 48;
/// Most words in a dictionary: a token must fit 23 bits.
pub const MOST_WORDS: u32 = (1 << 22) - FIRST_WORD - 1;
/// The morph that stands for a word which the full dictionary cannot take.
pub const UNLISTED: u32 = (1 << 22) - 1;

/// Break codes: the same indentation, `DROP + n` characters less, `ADD_SPACES + n` or
/// `ADD_TABS + n` more, none at all because the line is blank, or told by later tokens.
const SAME: u32 = 0;
const DROP: u32 = 0; // 1..=63
const ADD_SPACES: u32 = 63; // 1..=48
const ADD_TABS: u32 = 111; // 1..=8
const BLANK: u32 = 120;
const LATER: u32 = 121;
/// One more than the largest break code.
pub const BREAK_CODE_LIMIT: u32 = 122;

/// What kind of byte may stand in a word.
#[inline(always)]
pub fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 128
}

/// The indentation that line breaks are measured against.
#[derive(Clone, Copy, Default)]
pub struct Layout {
    /// Where the indentation of the last line that is not blank lies in the text.
    start: usize,
    length: usize,
    /// That the indentation was told by later tokens, so `length` is still to be counted.
    later: bool,
}

impl Layout {
    fn settle(&mut self, text: &[u8]) {
        if self.later {
            self.length = text[self.start..]
                .iter()
                .take_while(|&&byte| byte == b' ' || byte == b'\t')
                .count();
            self.later = false;
        }
    }

    /// Characters of indentation.
    pub fn width(&self) -> usize {
        self.length
    }

    /// The break morph at `data[at]`, a line feed, and its length in bytes.
    pub fn cut_break(&mut self, data: &[u8], at: usize) -> (u32, usize) {
        self.settle(&data[..at]);
        let feeds = data[at..]
            .iter()
            .take(MOST_BREAKS as usize)
            .take_while(|&&byte| byte == b'\n')
            .count();
        let line = at + feeds;
        let width = data[line..]
            .iter()
            .take_while(|&&byte| byte == b' ' || byte == b'\t')
            .count();
        let base = BREAK + (feeds as u32 - 1) * BREAK_CODES;
        if matches!(data.get(line + width), None | Some(b'\n')) {
            return (base + BLANK, feeds);
        }
        let (old, new) = (
            &data[self.start..self.start + self.length],
            &data[line..line + width],
        );
        let code = if old.starts_with(new) {
            let dropped = old.len() - new.len();
            if dropped == 0 {
                Some(SAME)
            } else {
                (dropped <= 63).then_some(DROP + dropped as u32)
            }
        } else if new.starts_with(old) {
            let added = &new[old.len()..];
            if added.iter().all(|&byte| byte == b' ') {
                (added.len() <= 48).then_some(ADD_SPACES + added.len() as u32)
            } else if added.iter().all(|&byte| byte == b'\t') {
                (added.len() <= 8).then_some(ADD_TABS + added.len() as u32)
            } else {
                None
            }
        } else {
            None
        };
        self.start = line;
        if let Some(code) = code {
            self.length = width;
            (base + code, feeds + width)
        } else {
            self.length = 0;
            self.later = true;
            (base + LATER, feeds)
        }
    }

    /// Appends what the break `morph` stands for.
    pub fn write_break(
        &mut self,
        morph: u32,
        out: &mut Vec<u8>,
        size: usize,
    ) -> Result<(), CodecError> {
        self.settle(out);
        let (feeds, code) = (
            (morph - BREAK) / BREAK_CODES + 1,
            (morph - BREAK) % BREAK_CODES,
        );
        let (kept, added, byte) = match code {
            BLANK | LATER => (0, 0, b' '),
            SAME => (self.length, 0, b' '),
            _ if code <= ADD_SPACES => {
                let dropped = (code - DROP) as usize;
                let kept = self.length.checked_sub(dropped);
                (
                    kept.ok_or(CodecError::Corrupt(
                        "a line drops more indentation than there is",
                    ))?,
                    0,
                    b' ',
                )
            }
            _ if code <= ADD_TABS => (self.length, (code - ADD_SPACES) as usize, b' '),
            _ if code < BLANK => (self.length, (code - ADD_TABS) as usize, b'\t'),
            _ => return Err(CodecError::Corrupt("there is no such line break")),
        };
        if out.len() + feeds as usize + kept + added > size {
            return Err(CodecError::Corrupt("a token reaches past the end"));
        }
        out.resize(out.len() + feeds as usize, b'\n');
        let line = out.len();
        if code != BLANK {
            out.extend_from_within(self.start..self.start + kept);
            out.resize(out.len() + added, byte);
            *self = Layout {
                start: line,
                length: kept + added,
                later: code == LATER,
            };
        }
        Ok(())
    }
}

/// Whether `morph` is a line break, and whether text must follow it in its line.
pub fn break_kind(morph: u32) -> (bool, bool) {
    let is_break = (BREAK..SPACES).contains(&morph);
    (is_break, is_break && (morph - BREAK) % BREAK_CODES != BLANK)
}

/// One token as cut from the input.
pub struct Cut {
    /// Whether a single space comes first.
    pub space: bool,
    /// The morph, or None for a word (looked up by the caller).
    pub morph: Option<u32>,
    /// Bytes in all, the space included.
    pub length: usize,
}

/// Cuts a text into tokens; with each, how wide the indentation of its line is.
pub struct Cutter<'a> {
    data: &'a [u8],
    layout: Layout,
    at: usize,
}

impl<'a> Cutter<'a> {
    /// At the start of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Cutter {
            data,
            layout: Layout::default(),
            at: 0,
        }
    }
}

impl Iterator for Cutter<'_> {
    type Item = (usize, Cut);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, Cut)> {
        if self.at == self.data.len() {
            return None;
        }
        let width = self.layout.width();
        let cut = cut(self.data, self.at, &mut self.layout);
        self.at += cut.length;
        Some((width, cut))
    }
}

/// Cuts the token at `data[at]`.
#[inline(always)]
fn cut(data: &[u8], at: usize, layout: &mut Layout) -> Cut {
    let mut at = at;
    let mut space = false;
    match data[at] {
        b'\n' => {
            let (morph, length) = layout.cut_break(data, at);
            return Cut {
                space,
                morph: Some(morph),
                length,
            };
        }
        b'\t' => {
            let run = data[at..]
                .iter()
                .take(15)
                .take_while(|&&byte| byte == b'\t')
                .count();
            return Cut {
                space,
                morph: Some(TABS + run as u32),
                length: run,
            };
        }
        b' ' => {
            let run = data[at..]
                .iter()
                .take(64)
                .take_while(|&&byte| byte == b' ')
                .count();
            let solid = !matches!(data.get(at + run), None | Some(b' ' | b'\t' | b'\n'));
            let lone = run - usize::from(solid && run < 64);
            if lone > 0 {
                let lone = lone.min(63);
                return Cut {
                    space,
                    morph: Some(SPACES + lone as u32),
                    length: lone,
                };
            }
            space = true;
            at += 1;
        }
        _ => {}
    }
    let length = if is_word_byte(data[at]) {
        data[at..]
            .iter()
            .take(LONGEST_WORD)
            .take_while(|&&byte| is_word_byte(byte))
            .count()
    } else {
        1
    };
    let morph = (length == 1).then(|| u32::from(data[at]));
    Cut {
        space,
        morph,
        length: length + usize::from(space),
    }
}

/// A 32-bit hash of a word's bytes.
#[inline(always)]
fn hash_word(word: &[u8]) -> u32 {
    let mut hash = 0x9E37_79B9u32;
    for &byte in word {
        hash = (hash ^ u32::from(byte))
            .wrapping_mul(0x0100_0193)
            .rotate_left(7);
    }
    hash ^ hash >> 15
}

/// So many letters are looked up.
const TAIL: usize = 3;
const TAIL_BITS: u32 = 15;

#[inline(always)]
fn tail_place(letters: &[u8]) -> usize {
    let [a, b, c] = [letters[0], letters[1], letters[2]].map(u32::from);
    ((a | b << 8 | c << 16).wrapping_mul(0x9E37_79B1) >> (32 - TAIL_BITS)) as usize
        & ((1 << TAIL_BITS) - 1)
}

/// The words seen so far: number to bytes and back.
#[derive(Clone)]
pub struct Dictionary {
    /// Words, a zero after each.
    text: Vec<u8>,
    /// Word n is `text[ends[n]..ends[n + 1] - 1]`.
    ends: Vec<u32>,
    /// Where in `text` the last place is that follows three letters, by their hash.
    tails: Vec<u32>,
    /// Open addressing: word number + 1, or 0.
    places: Vec<u32>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Dictionary {
            text: Vec::new(),
            ends: vec![0],
            tails: vec![0; 1 << TAIL_BITS],
            places: vec![0; 1 << 10],
        }
    }
}

impl Dictionary {
    /// How many words.
    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// The bytes of the word that `morph` (`FIRST_WORD` or above) stands for; empty if there is none.
    #[inline(always)]
    pub fn word(&self, morph: u32) -> &[u8] {
        let number = (morph - FIRST_WORD) as usize;
        match (self.ends.get(number), self.ends.get(number + 1)) {
            (Some(&start), Some(&end)) => &self.text[start as usize..end as usize - 1],
            _ => &[],
        }
    }

    /// The morph of `word`, if it is known.
    #[inline(always)]
    pub fn find(&self, word: &[u8]) -> Option<u32> {
        let mask = self.places.len() - 1;
        let mut place = hash_word(word) as usize & mask;
        loop {
            let entry = self.places[place];
            if entry == 0 {
                return None;
            }
            let morph = FIRST_WORD + entry - 1;
            if self.word(morph) == word {
                return Some(morph);
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a word that is not yet known; `UNLISTED` when the dictionary is full.
    pub fn add(&mut self, word: &[u8]) -> u32 {
        let number = self.len() as u32;
        if number >= MOST_WORDS {
            return UNLISTED;
        }
        if (number as usize + 1) * 2 > self.places.len() {
            self.grow();
        }
        let start = self.text.len();
        self.text.extend_from_slice(word);
        self.text.push(0);
        for (at, letters) in word.windows(TAIL).enumerate() {
            self.tails[tail_place(letters)] = (start + at + TAIL) as u32;
        }
        self.ends.push(self.text.len() as u32);
        self.put(number);
        FIRST_WORD + number
    }

    /// Where in the words the letters at the end of `word` stood last, if they are so many.
    #[inline(always)]
    pub fn tail(&self, word: &[u8]) -> Option<usize> {
        let letters = &word[word.len().checked_sub(TAIL)?..];
        let at = self.tails[tail_place(letters)] as usize;
        (at >= TAIL && self.text[at - TAIL..at] == *letters).then_some(at)
    }

    /// The letter at a place that `tail` gave or that follows one; 0 ends a word.
    #[inline(always)]
    pub fn letter(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn put(&mut self, number: u32) {
        let mask = self.places.len() - 1;
        let mut place = hash_word(self.word(FIRST_WORD + number)) as usize & mask;
        while self.places[place] != 0 {
            place = (place + 1) & mask;
        }
        self.places[place] = number + 1;
    }

    fn grow(&mut self) {
        self.places = vec![0; self.places.len() * 2];
        for number in 0..self.len() as u32 {
            self.put(number);
        }
    }
}

/// Appends a morph (not `UNLISTED`) that stands for `word` if it is one of the dictionary.
pub fn write(
    morph: u32,
    space: bool,
    word: &[u8],
    layout: &mut Layout,
    out: &mut Vec<u8>,
    size: usize,
) -> Result<(), CodecError> {
    let fits = |out: &Vec<u8>, length: usize| {
        if out.len() + length > size {
            Err(CodecError::Corrupt("a token reaches past the end"))
        } else {
            Ok(())
        }
    };
    match morph {
        0..=255 => {
            fits(out, 1 + usize::from(space))?;
            if space {
                out.push(b' ');
            }
            out.push(morph as u8);
        }
        _ if morph < SPACES => layout.write_break(morph, out, size)?,
        _ if morph < FIRST_WORD => {
            let (run, byte) = if morph < TABS {
                (morph - SPACES, b' ')
            } else {
                (morph - TABS, b'\t')
            };
            fits(out, run as usize)?;
            out.resize(out.len() + run as usize, byte);
        }
        _ => {
            fits(out, word.len() + usize::from(space))?;
            if space {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_found_where_they_stood_last() {
        let mut dictionary = Dictionary::default();
        let first = dictionary.add(b"parse_line");
        dictionary.add(b"ab");
        let second = dictionary.add(b"reverse");
        let follows = |word: &[u8]| dictionary.tail(word).map(|at| dictionary.letter(at));
        assert_eq!(follows(b"to_par"), Some(b's'));
        assert_eq!(follows(b"rse"), Some(0));
        assert_eq!(follows(b"line"), Some(0));
        assert_eq!(follows(b"ab"), None);
        assert_eq!(follows(b"xyz"), None);
        assert_eq!(dictionary.word(first), b"parse_line");
        assert_eq!(dictionary.word(second), b"reverse");
    }
}
