//! The token model: foresees the next token, or codes which other one it is.
//!
//! Contexts name candidates; the best by score are offered in turn, "is it this
//! one?" being a binary decision with a mixed probability. What is none of them is
//! coded along a tree of all tokens, and a new word by its letters.

use super::coder::BitCoder;
use super::contexts::{hash, Candidate, Slots, STANDINGS};
use super::mixing::{squash, Chance, Meanings, Mixer, Numbers, UNIT};
use super::recent::{Around, Recent, CONTEXTS};
use super::symbols::{self, initial, Cell, Path, Rows, SymbolTrust, Symbols, Trees};
use super::tokens::{
    is_word_byte, Dictionary, BREAK, BREAK_CODES, BREAK_CODE_LIMIT, FIRST_WORD, LONGEST_WORD,
    SPACES, TABS, UNLISTED,
};
use crate::prefetch::prefetch;
use crate::CodecError;
use std::sync::Arc;

/// Mixer inputs: candidates' standings, direct probability, match, constant.
const INPUTS: usize = 8;
/// Most candidates offered.
const OFFERS: usize = 6;
/// Room for the candidates of a token (a power of two): three of each context, and the match's.
const MOST_CANDIDATES: usize = 1 << KEY_BITS;
const KEY_BITS: u32 = 4;
/// Places in a context's list: three ranks with their standings, and absent (with that of the first).
const PLACES: usize = 4 * STANDINGS;
/// Offers that standings and classes tell apart; later ones count as the last of them.
const DISTINCT: usize = 3;
/// States of the match input.
const MATCH_STATES: usize = 64;
/// Classes of the token before.
const CLASSES: usize = 1024;
const BY_VOTES: usize = DISTINCT * CLASSES;
/// A match so long that its token is tried alone before any candidates are looked for.
const LONG_MATCH: usize = 32;

/// Slots of each kind of context, rows and match places (log2), usually.
const SLOT_BITS: [u32; CONTEXTS] = [14, 15, 15, 15, 16];
const ROW_BITS: u32 = 16;
const MATCH_BITS: u32 = 18;
const DIRECT_BITS: u32 = 16;

/// A table's size (log2) for a block of `size` bytes: `usual` up to 2 MiB, more above,
/// less for small blocks. Small tables stay in the caches, which matters more.
fn table_bits(size: usize, usual: u32) -> u32 {
    let bits = usize::BITS - (size / 4).max(1 << 8).leading_zeros();
    bits.min(usual + bits.saturating_sub(19).min(1))
}

/// Most bytes that a block of `size` bytes makes a model take.
pub fn memory(size: usize) -> usize {
    let table = |usual: u32, bytes: usize| bytes << table_bits(size, usual);
    let slots: usize = SLOT_BITS.iter().map(|&usual| table(usual, 16)).sum();
    let rows = table(ROW_BITS, 32) + table(MATCH_BITS, 4);
    // Tokens and words: 4 bytes a token, 12 a word, and room to grow; then trust, trees and a prior's words.
    slots + rows + 14 * size + (4 << 20)
}

/// Where the 32 direct cells of the context with hash `context` begin.
#[inline(always)]
fn direct_line(context: u32) -> usize {
    (context >> (32 - DIRECT_BITS) & !31) as usize
}

/// The hash of the context of kind `k`.
#[inline(always)]
pub fn context_hash(k: usize, [a, b, c]: [u32; 3]) -> u32 {
    hash(k as u32 + 1, a, b, c)
}

/// A token: a morph, and whether a single space precedes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// The morph.
    pub morph: u32,
    /// Whether a space precedes it.
    pub space: bool,
}

impl Token {
    #[inline(always)]
    pub fn packed(self) -> u32 {
        self.morph << 1 | u32::from(self.space)
    }

    #[inline(always)]
    fn unpacked(packed: u32) -> Self {
        Token {
            morph: packed >> 1,
            space: packed & 1 == 1,
        }
    }
}

/// What is learned about how far to trust each kind of evidence: the part of a model
/// that a prior carries as it is.
#[derive(Clone)]
pub struct Trust {
    /// Of standings, by context, offer and rank.
    standings: Arc<Meanings>,
    /// Of direct cells, by offer.
    directs: Arc<Meanings>,
    /// Of matches, by offer.
    matches: Arc<Meanings>,
    /// Whether a long match goes on.
    long_match: Vec<Chance>,
    /// By offer and the token before; from `BY_VOTES` on by offer, match and which contexts name the candidate.
    mixer: Mixer<INPUTS>,
    pub symbols: SymbolTrust,
}

impl Default for Trust {
    fn default() -> Self {
        Trust {
            standings: Arc::new(Meanings::new(
                (0..CONTEXTS * DISTINCT * PLACES)
                    .map(|i| standing_start(i / STANDINGS % 4, i % STANDINGS)),
            )),
            directs: Arc::new(Meanings::new((0..OFFERS * 1024).map(|i| initial(i % 1024)))),
            matches: Arc::new(Meanings::new(
                (0..MATCH_STATES * OFFERS).map(|i| match_start(i % MATCH_STATES)),
            )),
            long_match: vec![Chance(64000 << 16 | 2); 4 * MATCH_STATES],
            mixer: Mixer::new(BY_VOTES + OFFERS * (4 << CONTEXTS), UNIT / 8, 24),
            symbols: SymbolTrust::default(),
        }
    }
}

impl Trust {
    /// Shows every number to `visit`, always in the same order.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Numbers<'_>)) {
        for meanings in [&mut self.standings, &mut self.directs, &mut self.matches] {
            Arc::make_mut(meanings).visit(visit);
        }
        visit(Numbers::Chances(&mut self.long_match));
        visit(Numbers::Weights(
            self.mixer.weights_mut().as_flattened_mut(),
        ));
        self.symbols.visit(visit);
    }
}

/// Symbols of the token tree that are not tokens: a word of this block by its number, any
/// morph by its number, a new word. Each with and without space.
const NUMBERED: u32 = (FIRST_WORD + (1 << 22)) << 1;
const RARE: u32 = NUMBERED + 2;
const SPELLED: u32 = NUMBERED + 4;

/// The code of tokens and letters.
pub struct Code {
    trees: Trees,
    tokens: u32,
    letters: u32,
    token_paths: Vec<Path>,
    /// Of the symbols from `NUMBERED` on.
    special_paths: [Path; 6],
    letter_paths: [Path; 256],
}

impl Code {
    /// The code for tokens in the order of `order`, with frequencies 2^level - 1, and letters (logarithmic counts).
    pub fn new(
        order: &[(u32, u32)],
        specials: [u32; 6],
        letters: &[u32; 256],
        morphs: usize,
    ) -> Self {
        let mut trees = Trees::default();
        let mut token_paths = vec![Path(0); morphs * 2];
        let mut special_paths = [Path(0); 6];
        let mut leaves = Vec::with_capacity(order.len() + 6);
        for space in [0, 1] {
            for kind in [0, 1, 2] {
                let symbol = NUMBERED + 2 * kind + space;
                leaves.push((symbol, 1 << specials[(symbol - NUMBERED) as usize]));
            }
            leaves.extend(
                order
                    .iter()
                    .filter(|&&(token, _)| token & 1 == space)
                    .map(|&(token, level)| (token, 1 << level)),
            );
        }
        let tokens = trees.add(&leaves, &mut |symbol, path| {
            if symbol >= NUMBERED {
                special_paths[(symbol - NUMBERED) as usize] = path;
            } else {
                token_paths[symbol as usize] = path;
            }
        });
        let mut letter_paths = [Path(0); 256];
        let leaves: Vec<(u32, u32)> = (0..=255u8)
            .filter(|&letter| letter == 0 || is_word_byte(letter))
            .map(|letter| (letter.into(), 1 << letters[usize::from(letter)]))
            .collect();
        let letters = trees.add(&leaves, &mut |symbol, path| {
            letter_paths[symbol as usize] = path;
        });
        Code {
            trees,
            tokens,
            letters,
            token_paths,
            special_paths,
            letter_paths,
        }
    }
}

/// What a prior knows, ready to be asked; shared by all blocks.
pub struct Knowledge {
    /// Words that have a number before the block begins.
    pub dictionary: Dictionary,
    /// What followed each kind of context.
    pub slots: [Slots; CONTEXTS],
    /// How other tokens and letters are coded.
    pub code: Code,
    /// Rows of cells for that.
    pub rows: Rows,
    /// Where the learning starts.
    pub trust: Trust,
}

impl Knowledge {
    /// Symbols with `1 << bits` rows that have learned nothing.
    pub fn fresh_symbols(&self, bits: u32) -> Symbols {
        Symbols::new(bits, &self.code.trees)
    }
}

/// Everything that is learned while coding one block.
pub struct Model<'a> {
    /// The words seen so far.
    pub dictionary: Dictionary,
    knowledge: &'a Knowledge,
    trust: Trust,
    slots: [Slots; CONTEXTS],
    direct: Vec<Cell>,
    symbols: Symbols,
    recent: Recent,
    spelled: Vec<u8>,
    /// What was offered for this token and refused; a coded token is none of them.
    refused: [u32; OFFERS + 1],
    /// Slots that are still to learn the token before.
    pending: Option<([usize; CONTEXTS], u32)>,
}

impl<'a> Model<'a> {
    /// A model for a block of `size` bytes that starts from `knowledge`.
    pub fn new(size: usize, knowledge: &'a Knowledge) -> Self {
        let bits = |usual: u32| table_bits(size, usual);
        Model {
            dictionary: knowledge.dictionary.clone(),
            knowledge,
            trust: knowledge.trust.clone(),
            slots: SLOT_BITS.map(|usual| Slots::new(bits(usual))),
            direct: vec![Cell::EVEN; 1 << DIRECT_BITS],
            symbols: Symbols::new(bits(ROW_BITS), &knowledge.code.trees),
            recent: Recent::new(bits(MATCH_BITS)),
            spelled: Vec::with_capacity(LONGEST_WORD),
            refused: [u32::MAX; OFFERS + 1],
            pending: None,
        }
    }

    /// What was learned about trust and symbols, for a prior or for the next training block.
    pub fn into_learned(self) -> (Trust, Symbols) {
        (self.trust, self.symbols)
    }

    /// Goes on from what a block before learned (`into_learned`).
    pub fn resume(&mut self, trust: Option<Trust>, symbols: Option<Symbols>) {
        if let Some(trust) = trust {
            self.trust = trust;
        }
        if let Some(symbols) = symbols {
            self.symbols = symbols;
        }
    }

    /// Codes one token. `text` is everything before it; `width` its line's indentation.
    /// When encoding, `target` is the token (morph `UNLISTED` for a word that is not in
    /// the dictionary) and `word` its bytes if it is a word; when decoding both are
    /// ignored. Returns the token and, for a word, leaves it in the dictionary or,
    /// if that is full, where `word` finds it.
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        width: usize,
        target: Token,
        word: &[u8],
    ) -> Result<Token, CodecError> {
        let around = self.recent.around(width);
        let mut hashes = [0; CONTEXTS];
        for (k, &context) in around.contexts().iter().enumerate() {
            hashes[k] = context_hash(k, context);
            self.slots[k].prefetch(hashes[k]);
            self.knowledge.slots[k].prefetch(hashes[k]);
        }
        prefetch(&self.direct[direct_line(hashes[0])]);
        let others = other_contexts(&around);
        self.symbols
            .prefetch(&self.knowledge.rows, &others, self.knowledge.code.tokens);
        // The loads are under way while the slots learn the token before.
        if let Some((places, token)) = self.pending.take() {
            for k in 0..CONTEXTS {
                self.slots[k].at(places[k]).learn(token);
            }
        }
        self.recent.look();
        let (expected, mut length) = self.recent.expected();
        self.refused = [u32::MAX; OFFERS + 1];
        if length >= LONG_MATCH {
            let chance = &mut self.trust.long_match[long_state(expected >> 1, length)];
            let p = chance.p().clamp(16, 65520);
            let bit = coder.bit(target.packed() == expected, p as u32);
            chance.learn(bit, 250);
            if bit {
                self.recent.push(expected, width);
                return Ok(Token::unpacked(expected));
            }
            self.refused[OFFERS] = expected;
            length = 0;
        }
        let mut places = [0usize; CONTEXTS];
        let mut lists = [[Candidate::default(); 3]; CONTEXTS];
        for k in 0..CONTEXTS {
            places[k] = self.slots[k].place(hashes[k], &self.knowledge.slots[k]);
            lists[k] = self.slots[k].at(places[k]).candidates;
        }
        let token = match self.offer(
            coder,
            &lists,
            &around,
            &hashes,
            target.packed(),
            (expected, length),
        ) {
            Some(token) => Token::unpacked(token),
            None => self.escape(coder, text, target, word, &around, others)?,
        };
        if token.morph != UNLISTED {
            self.pending = Some((places, token.packed()));
        }
        self.recent.push(token.packed(), width);
        Ok(token)
    }

    /// Offers the best candidates of `lists`, but for one that was refused already; the token, if it is one of them.
    #[inline(always)]
    fn offer<C: BitCoder>(
        &mut self,
        coder: &mut C,
        lists: &[[Candidate; 3]; CONTEXTS],
        around: &Around,
        hashes: &[u32; CONTEXTS],
        target: u32,
        (expected, match_length): (u32, usize),
    ) -> Option<u32> {
        let trust = &mut self.trust;
        // Candidates: the token, and its place in the list of each context.
        let mut tokens = [0u32; MOST_CANDIDATES];
        let mut places = [[0u16; CONTEXTS]; MOST_CANDIDATES];
        // Its score above its number here, so that the greatest key is that of the best.
        let mut keys = [0i32; MOST_CANDIDATES];
        let mut count = 0;
        let absent =
            std::array::from_fn(|k| (3 * STANDINGS) as u16 + lists[k][0].standing() as u16);
        if match_length > 0 {
            tokens[0] = expected;
            places[0] = absent;
            keys[0] = i32::from(trust.matches.logit(match_state(true, match_length))) << KEY_BITS;
            count = 1;
        }
        for k in 0..CONTEXTS {
            // How a place in the list speaks for a candidate, against being absent there.
            let score = |place: u16| {
                i32::from(
                    trust
                        .standings
                        .logit(k * DISTINCT * PLACES + usize::from(place)),
                )
            };
            let without = score(absent[k]);
            for (rank, candidate) in lists[k].iter().enumerate() {
                let token = candidate.token();
                if candidate.0 == 0 {
                    break;
                }
                if token == self.refused[OFFERS] {
                    continue;
                }
                let at = tokens[..count]
                    .iter()
                    .position(|&other| other == token)
                    .unwrap_or(count);
                if at == count {
                    tokens[at] = token;
                    places[at] = absent;
                    keys[at] = at as i32;
                    count += 1;
                }
                let place = (rank * STANDINGS) as u16 + candidate.standing() as u16;
                places[at][k] = place;
                keys[at] += (score(place) - without) << KEY_BITS;
            }
        }
        let class = (around.back[0] >> 1).min(800) as usize;
        let line = direct_line(hashes[0]);
        for number in 0..OFFERS.min(count) {
            let best = keys[..count]
                .iter()
                .fold(i32::MIN, |best, &key| best.max(key));
            let best = best as usize & (MOST_CANDIDATES - 1);
            keys[best] = i32::MIN | best as i32;
            let token = tokens[best];
            let row = number.min(DISTINCT - 1);
            let mut inputs = [0i16; INPUTS];
            let mut maps = [0usize; CONTEXTS];
            let mut votes = 0;
            for k in 0..CONTEXTS {
                let place = usize::from(places[best][k]);
                votes |= usize::from(place < 3 * STANDINGS) << k;
                maps[k] = (k * DISTINCT + row) * PLACES + place;
                inputs[k] = trust.standings.logit(maps[k]);
            }
            let direct = token.wrapping_mul(0x9E37_79B1) >> 27 ^ number as u32;
            let cell = &mut self.direct[line | direct as usize & 31];
            let direct_map = number * 1024 + cell.state();
            inputs[CONTEXTS] = trust.directs.logit(direct_map);
            let agrees = match_length > 0 && expected == token;
            let match_index = match_state(agrees, match_length) + number * MATCH_STATES;
            if match_length > 0 {
                inputs[CONTEXTS + 1] = trust.matches.logit(match_index);
            }
            inputs[INPUTS - 1] = 256;
            let matching = match (agrees, match_length) {
                (_, 0) => 0,
                (false, _) => 1,
                (true, ..10) => 2,
                (true, _) => 3,
            };
            let sets = [
                class + row * CLASSES,
                BY_VOTES + ((number * 4 + matching) << CONTEXTS | votes),
            ];
            let p = squash(trust.mixer.mix(&inputs, sets)).clamp(16, 65520);
            let bit = coder.bit(target == token, p as u32);
            trust.mixer.learn(&inputs, sets, p, bit);
            if C::TRAINS {
                for map in maps {
                    Arc::make_mut(&mut trust.standings).learn(map, bit);
                }
                Arc::make_mut(&mut trust.directs).learn(direct_map, bit);
                if match_length > 0 {
                    Arc::make_mut(&mut trust.matches).learn(match_index, bit);
                }
            }
            cell.learn(bit);
            if bit {
                return Some(token);
            }
            self.refused[number] = token;
        }
        None
    }

    /// The bytes of a token's word; empty for other morphs.
    pub fn word(&self, token: Token) -> &[u8] {
        match token.morph {
            UNLISTED => &self.spelled,
            FIRST_WORD.. => self.dictionary.word(token.morph),
            _ => &[],
        }
    }

    /// Codes a token that is none of the candidates.
    fn escape<C: BitCoder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        target: Token,
        word: &[u8],
        around: &Around,
        contexts: [u32; symbols::CONTEXTS],
    ) -> Result<Token, CodecError> {
        let knowledge = self.knowledge;
        let code = &knowledge.code;
        let known = knowledge.dictionary.len() as u32;
        let new = self.dictionary.len() as u32 - known;
        let mut path = Path(0);
        if C::ENCODES {
            path = match code.token_paths.get(target.packed() as usize) {
                Some(&path) if path.0 != 0 => path,
                _ => {
                    let kind = match target.morph {
                        UNLISTED => SPELLED,
                        morph if morph >= FIRST_WORD + known => NUMBERED,
                        _ => RARE,
                    };
                    code.special_paths[(kind - NUMBERED + u32::from(target.space)) as usize]
                }
            };
        }
        let asked = (&code.trees, &knowledge.rows);
        let trust = &mut self.trust.symbols;
        let symbol = self
            .symbols
            .symbol(coder, trust, asked, &contexts, None, (code.tokens, path));
        let space = symbol & 1 == 1;
        let morph = match symbol & !1 {
            NUMBERED => {
                let bits = 32 - new.saturating_sub(1).leading_zeros();
                let number = self.symbols.number(
                    coder,
                    trust,
                    &knowledge.rows,
                    &contexts,
                    (0, bits),
                    target.morph.wrapping_sub(FIRST_WORD + known),
                );
                if number >= new {
                    return Err(CodecError::Corrupt("there is no word of that number"));
                }
                FIRST_WORD + known + number
            }
            RARE => {
                let bits = 32 - (FIRST_WORD + known - 1).leading_zeros();
                let morph = self.symbols.number(
                    coder,
                    trust,
                    &knowledge.rows,
                    &contexts,
                    (1, bits),
                    target.morph,
                );
                let place = (morph << 1 | u32::from(space)) as usize;
                let listed = code.token_paths.get(place).is_some_and(|path| path.0 != 0);
                if listed || !valid(morph, space, FIRST_WORD + known) {
                    return Err(CodecError::Corrupt("there is no such token"));
                }
                morph
            }
            SPELLED => self.spell(coder, text, word, around, space)?,
            _ => symbol >> 1,
        };
        let token = Token { morph, space };
        if !C::ENCODES && self.refused.contains(&token.packed()) {
            return Err(CodecError::Corrupt("a token was refused before"));
        }
        Ok(token)
    }

    /// Codes the letters of a new word, which enters the dictionary.
    fn spell<C: BitCoder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        word: &[u8],
        around: &Around,
        space: bool,
    ) -> Result<u32, CodecError> {
        let knowledge = self.knowledge;
        let code = &knowledge.code;
        let mut last = text
            .iter()
            .rev()
            .take(4)
            .fold(0u32, |sum, &byte| sum >> 8 | u32::from(byte) << 24);
        if space {
            last = last << 8 | 32;
        }
        self.spelled.clear();
        let mut whole = 0u32;
        let mut part = 0u32;
        // Where the last letters stood in a word before, and how many of them agree.
        let (mut tail, mut agreed) = (0, 0u32);
        while self.spelled.len() < LONGEST_WORD {
            let at = self.spelled.len();
            let contexts = [
                hash(31, whole, 0, 0),
                hash(36, last & 0xff_ffff, 0, 0),
                hash(38, part, around.inside.min(4), at.min(1) as u32),
                if agreed > 0 {
                    hash(34, self.dictionary.letter(tail).into(), agreed.min(8), 0)
                } else {
                    hash(32, at.min(3) as u32, last & 0xff, 0)
                },
            ];
            let letter = word.get(at).copied().unwrap_or(0);
            let byte = self.symbols.symbol(
                coder,
                &mut self.trust.symbols,
                (&code.trees, &knowledge.rows),
                &contexts,
                Some(at.min(7)),
                (code.letters, code.letter_paths[usize::from(letter)]),
            ) as u8;
            if byte == 0 {
                break;
            }
            self.spelled.push(byte);
            if agreed > 0 && self.dictionary.letter(tail) == byte {
                tail += 1;
                agreed += 1;
            } else {
                agreed = 0;
                if let Some(at) = self.dictionary.tail(&self.spelled) {
                    (tail, agreed) = (at, 1);
                }
            }
            last = last << 8 | u32::from(byte);
            whole = hash(39, whole, byte.into(), 1);
            let edge = byte == b'_'
                || byte == b'$'
                || (byte.is_ascii_uppercase()
                    && !(last >> 8 & 0xff).to_le_bytes()[0].is_ascii_uppercase());
            part = if edge {
                u32::from(byte | 32)
            } else {
                hash(40, part, u32::from(byte | 32), 1)
            };
        }
        match self.spelled.len() {
            0 | 1 => Err(CodecError::Corrupt("a word has less than two letters")),
            _ if self.dictionary.find(&self.spelled).is_some() => {
                Err(CodecError::Corrupt("a known word is spelled"))
            }
            _ => Ok(self.dictionary.add(&self.spelled)),
        }
    }
}

/// The contexts of a token that is none of the candidates.
#[inline(always)]
fn other_contexts(around: &Around) -> [u32; symbols::CONTEXTS] {
    let Around {
        back: [t1, t2, _],
        first,
        above,
        ..
    } = *around;
    [
        hash(41, t1, 0, 0),
        hash(44, first, above, 0),
        hash(46, first, t1, 0),
        hash(47, t1, t2, 0),
    ]
}

/// Whether there is such a token, with words below `end`.
pub fn valid(morph: u32, space: bool, end: u32) -> bool {
    match morph {
        0..BREAK => true,
        BREAK..SPACES => !space && (morph - BREAK) % BREAK_CODES < BREAK_CODE_LIMIT,
        SPACES..FIRST_WORD => !space && morph != SPACES && morph != TABS,
        _ => morph < end,
    }
}

fn match_state(agrees: bool, length: usize) -> usize {
    let bucket = match length {
        0 => 0,
        1..=15 => length,
        16..=23 => 16,
        24..=31 => 17,
        32..=47 => 18,
        48..=63 => 19,
        64..=127 => 20,
        128..=255 => 21,
        _ => 22,
    };
    bucket + if agrees { 32 } else { 0 }
}

/// The state of a long match that expects `morph`.
fn long_state(morph: u32, length: usize) -> usize {
    let kind = match morph {
        0..BREAK => 0,
        BREAK..SPACES => 1,
        SPACES..FIRST_WORD => 2,
        _ => 3,
    };
    kind * MATCH_STATES + length.min(500) / 8
}

/// What a match means before anything was learned.
fn match_start(state: usize) -> Chance {
    let length = (state & 31) as u32;
    Chance(if state & 32 != 0 {
        (40_000 + length * 1000).min(64_000) << 16 | 2
    } else {
        6000 << 16 | 2
    })
}

/// What a standing means before anything was learned.
pub fn standing_start(rank: usize, standing: usize) -> Chance {
    let (high, low) = ((standing >> 4 & 15) as u32, (standing & 15) as u32);
    let p = match rank {
        3 => 60_000 / (4 + high),
        _ if standing >= 256 => 2000 + high * 4000,
        _ => (high * 65536 + 20_000) / (high + low * 2 + 1 + rank as u32 * 2),
    };
    Chance(p.clamp(500, 65000) << 16 | 2)
}
