//! The token model: foresees the next token, or spells it.
//!
//! Contexts name candidates; the two best by score are offered in turn, "is it this
//! one?" being a binary decision with a mixed probability. What is none of them is
//! spelled byte by byte.

use super::coder::BitCoder;
use super::completion::{Completion, CompletionTrust};
use super::contexts::{hash, Candidate, Slots, STANDINGS};
use super::mixing::{squash, stretch, Apm, Chance, Mixer, Numbers, UNIT};
use super::spelling::{initial, Cell, Nodes, Spelling, SpellingTrust, ORDERS};
use super::tokens::{self, Dictionary, BREAK, FIRST_WORD, LONGEST_WORD, SPACES, TABS, UNLISTED};
use crate::CodecError;

/// Contexts that name candidates.
pub const CONTEXTS: usize = 5;
/// Contexts whose probability for a candidate is learned directly.
const DIRECT: usize = 3;
/// Mixer inputs: candidates' standings, direct probabilities, match, constant.
const INPUTS: usize = 16;
/// Most candidates offered before the token is spelled.
const OFFERS: usize = 4;
/// Shortest match, in tokens.
const SHORTEST_MATCH: usize = 4;
/// States of the match input.
const MATCH_STATES: usize = 64;

/// States of the models of flags of a spelled token.
const FLAG_STATES: usize = 3 * 1024 + 512;
/// Slots of each kind of context, direct cells, byte nodes, completions and match places (log2), usually.
const SLOT_BITS: [u32; CONTEXTS] = [15, 16, 16, 16, 16];
const DIRECT_BITS: u32 = 19;
const NODE_BITS: u32 = 17;
const COMPLETION_BITS: u32 = 16;
const MATCH_BITS: u32 = 18;

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
    let cells = table(DIRECT_BITS, 2)
        + table(NODE_BITS, 32)
        + table(COMPLETION_BITS, 2 * 16 + 2)
        + table(MATCH_BITS, 4);
    // Tokens and words: 4 bytes a token, 12 a word, and room to grow; then trust and a prior's words.
    slots + cells + 14 * size + (4 << 20)
}

/// The hash of the context of kind `k`.
#[inline(always)]
pub fn context_hash(k: usize, [a, b, c]: [u32; 3]) -> u32 {
    hash(k as u32 + 1, a, b, c)
}

/// The hash of a word's beginning, one letter on.
#[inline(always)]
pub fn letter_hash(whole: u32, letter: u8) -> u32 {
    hash(39, whole, u32::from(letter), 1)
}

/// 1 to 3 for an opening bracket.
fn bracket_kind(morph: u32) -> u32 {
    match morph {
        0x28 => 1,
        0x5b => 2,
        _ => 3,
    }
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
}

/// A token named by some context: where it stands in each.
#[derive(Clone, Copy)]
struct Offer {
    token: u32,
    score: i32,
    /// Index into the standing maps for each context, without the offer number.
    places: [u16; CONTEXTS],
}

/// What is learned about how far to trust each kind of evidence: the part of a model
/// that a prior carries as it is.
#[derive(Clone)]
pub struct Trust {
    standing_maps: Vec<Chance>,
    direct_maps: Vec<Chance>,
    match_map: Vec<Chance>,
    by_match: Mixer<INPUTS>,
    by_class: Mixer<INPUTS>,
    by_votes: Mixer<INPUTS>,
    last: Mixer<4>,
    refine_token: Apm,
    refine_context: Apm,
    flag_maps: Vec<Chance>,
    pub spelling: SpellingTrust,
    pub completion: CompletionTrust,
}

impl Default for Trust {
    fn default() -> Self {
        Trust {
            standing_maps: (0..CONTEXTS * OFFERS * 4 * STANDINGS)
                .map(|i| standing_start(i / STANDINGS % 4, i % STANDINGS))
                .collect(),
            direct_maps: (0..DIRECT * OFFERS * 1024)
                .map(|i| initial(i % 1024))
                .collect(),
            match_map: vec![Chance::EVEN; MATCH_STATES * OFFERS],
            by_match: Mixer::new(MATCH_STATES * OFFERS, UNIT / 4, 40),
            by_class: Mixer::new(1024 * OFFERS, UNIT / 4, 40),
            by_votes: Mixer::new((1 << CONTEXTS) * OFFERS, UNIT / 4, 40),
            last: Mixer::new(OFFERS * 4, UNIT / 3, 8),
            refine_token: Apm::new(1024),
            refine_context: Apm::new(1024),
            flag_maps: vec![Chance::EVEN; FLAG_STATES],
            spelling: SpellingTrust::default(),
            completion: CompletionTrust::default(),
        }
    }
}

impl Trust {
    /// Shows every number to `visit`, always in the same order.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Numbers<'_>)) {
        for chances in [
            &mut self.standing_maps,
            &mut self.direct_maps,
            &mut self.match_map,
            &mut self.flag_maps,
        ] {
            visit(Numbers::Chances(chances));
        }
        for mixer in [&mut self.by_match, &mut self.by_class, &mut self.by_votes] {
            visit(Numbers::Weights(mixer.weights_mut().as_flattened_mut()));
        }
        visit(Numbers::Weights(self.last.weights_mut().as_flattened_mut()));
        for apm in [&mut self.refine_token, &mut self.refine_context] {
            visit(Numbers::Points(apm.points_mut()));
        }
        self.spelling.visit(visit);
        self.completion.visit(visit);
    }
}

/// What a prior knows, ready to be asked; shared by all blocks.
pub struct Knowledge {
    /// Words that have a number before the block begins.
    pub dictionary: Dictionary,
    /// What followed each kind of context.
    pub slots: [Slots; CONTEXTS],
    /// Words by their beginnings.
    pub beginnings: Slots,
    /// Nodes of the byte model.
    pub nodes: Nodes,
    /// Where the learning starts.
    pub trust: Trust,
}

/// Everything that is learned while coding one block.
pub struct Model<'a> {
    /// The words seen so far.
    pub dictionary: Dictionary,
    knowledge: Option<&'a Knowledge>,
    trust: Trust,
    slots: [Slots; CONTEXTS],
    direct: Vec<Cell>,
    direct_mask: usize,
    flag_cells: Vec<Cell>,
    spelling: Spelling,
    completion: Completion,
    recent: Recent,
    spelled: Vec<u8>,
    /// Morphs that were offered for the current token and refused.
    rejected: Vec<u32>,
}

/// What the contexts are made of.
pub struct Recent {
    tokens: Vec<u32>,
    match_places: Vec<u32>,
    match_mask: usize,
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
            tokens: Vec::new(),
            match_places: vec![0; 1 << bits],
            match_mask: (1 << bits) - 1,
            match_at: 0,
            match_length: 0,
            line: Vec::new(),
            line_before: Vec::new(),
            brackets: Vec::new(),
            by_indent: [0; 64],
        }
    }

    #[inline(always)]
    fn back(&self, n: usize) -> u32 {
        let length = self.tokens.len();
        if n <= length {
            self.tokens[length - n]
        } else {
            0
        }
    }

    fn expected(&self) -> Option<u32> {
        (self.match_length > 0).then(|| self.tokens[self.match_at])
    }

    /// The contexts of the next token, on a line indented by `width`.
    #[inline(always)]
    pub fn contexts(&self, width: usize) -> [[u32; 3]; CONTEXTS] {
        let (t1, t2, t3) = (self.back(1), self.back(2), self.back(3));
        let at_start = self.line.is_empty();
        let first = if at_start {
            self.line_before.first()
        } else {
            self.line.first()
        }
        .copied()
        .unwrap_or(1);
        let (callee, inside) = match self.brackets.last() {
            Some(&bracket) => (bracket >> 2, bracket & 3),
            None => (0, 4 + width as u32),
        };
        [
            [t1, 0, if at_start { width as u32 } else { 0 }],
            [t1, t2, 0],
            [t1, t2, t3],
            [t1, first, 0],
            [t1, callee, inside],
        ]
    }

    /// The token that stands above the next one.
    fn above(&self, width: usize) -> u32 {
        if self.line.is_empty() {
            self.by_indent[width.min(63)]
        } else {
            self.line_before.get(self.line.len()).copied().unwrap_or(2)
        }
    }

    /// Learns the next token, on a line indented by `width`.
    pub fn push(&mut self, token: u32, width: usize) {
        if self.match_length > 0 {
            if self.tokens[self.match_at] == token {
                self.match_length += 1;
                self.match_at += 1;
            } else {
                self.match_length = 0;
            }
        }
        self.tokens.push(token);
        let length = self.tokens.len();
        if length >= SHORTEST_MATCH {
            let mut key = 0u64;
            for &token in &self.tokens[length - SHORTEST_MATCH..] {
                key = (key ^ u64::from(token))
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .rotate_left(29);
            }
            let place = (key ^ key >> 32) as usize & self.match_mask;
            if self.match_length == 0 {
                let at = self.match_places[place] as usize;
                let mut same = 0;
                while same < 32
                    && same < at
                    && self.tokens[at - 1 - same] == self.tokens[length - 1 - same]
                {
                    same += 1;
                }
                if same >= SHORTEST_MATCH {
                    self.match_at = at;
                    self.match_length = same;
                }
            }
            self.match_places[place] = length as u32;
        }
        let morph = token >> 1;
        match morph {
            BREAK..SPACES => {
                std::mem::swap(&mut self.line, &mut self.line_before);
                self.line.clear();
            }
            _ => {
                if self.line.is_empty() {
                    self.by_indent[width.min(63)] = token;
                }
                if self.line.len() < 256 {
                    self.line.push(token);
                }
                match morph {
                    0x28 | 0x5b | 0x7b => {
                        let callee = self.back(2);
                        if self.brackets.len() < 256 {
                            self.brackets.push(callee << 2 | bracket_kind(morph));
                        }
                    }
                    0x29 | 0x5d | 0x7d => {
                        self.brackets.pop();
                    }
                    _ => {}
                }
            }
        }
    }
}

impl<'a> Model<'a> {
    /// A model for a block of `size` bytes that starts from `knowledge`.
    pub fn new(size: usize, knowledge: Option<&'a Knowledge>) -> Self {
        let bits = |usual: u32| table_bits(size, usual);
        Model {
            dictionary: knowledge
                .map_or_else(Dictionary::default, |known| known.dictionary.clone()),
            knowledge,
            trust: knowledge.map_or_else(Trust::default, |known| known.trust.clone()),
            slots: SLOT_BITS.map(|usual| Slots::new(bits(usual))),
            direct: vec![Cell::EVEN; 1 << bits(DIRECT_BITS)],
            direct_mask: (1 << bits(DIRECT_BITS)) - 1,
            flag_cells: vec![Cell::EVEN; 1 << 13],
            spelling: Spelling::new(bits(NODE_BITS)),
            completion: Completion::new(bits(COMPLETION_BITS)),
            recent: Recent::new(bits(MATCH_BITS)),
            spelled: Vec::new(),
            rejected: Vec::new(),
        }
    }

    /// What was learned about trust, for a prior or for the next training block.
    pub fn into_learned(self) -> (Trust, Spelling) {
        (self.trust, self.spelling)
    }

    /// Goes on from what a block before learned (`into_learned`).
    pub fn resume(&mut self, trust: Option<Trust>, spelling: Option<Spelling>) {
        if let Some(trust) = trust {
            self.trust = trust;
        }
        if let Some(spelling) = spelling {
            self.spelling = spelling;
        }
    }

    /// How a place in the list of context `k` speaks for a candidate.
    #[inline(always)]
    fn standing_score(&self, k: usize, place: u16) -> i32 {
        stretch(self.trust.standing_maps[k * OFFERS * 4 * STANDINGS + usize::from(place)].p())
            .into()
    }

    /// Codes one token. `text` is everything before it; `width` its line's indentation.
    /// When encoding, `target` is the token (morph `UNLISTED` for a word that is not in
    /// the dictionary) and `word` its bytes if it is a word; when decoding both are
    /// ignored. Returns the token and, for a word, leaves it in the dictionary or,
    /// if that is full, in `unlisted_word`.
    pub fn code<C: BitCoder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        width: usize,
        target: Token,
        word: &[u8],
    ) -> Result<Token, CodecError> {
        let recent = &self.recent;
        let contexts = recent.contexts(width);
        let [[t1, _, _], [_, t2, _], _, [_, first, _], [_, callee, inside]] = contexts;
        let above = recent.above(width);
        let mut hashes = [0; CONTEXTS];
        for k in 0..CONTEXTS {
            hashes[k] = context_hash(k, contexts[k]);
        }
        let expected = recent.expected();
        let match_length = recent.match_length;

        // All of these loads are to be under way before the first one is waited for.
        let checks: [u32; CONTEXTS] = std::array::from_fn(|k| self.slots[k].peek(hashes[k]));
        std::hint::black_box(&checks);
        let mut places = [0usize; CONTEXTS];
        let mut lists = [[Candidate::default(); 3]; CONTEXTS];
        for k in 0..CONTEXTS {
            places[k] = self.slots[k].place(hashes[k], self.knowledge.map(|known| &known.slots[k]));
            lists[k] = self.slots[k].at(places[k]).candidates;
        }
        // What it means for a candidate to be absent from each list.
        let mut absent = [0u16; CONTEXTS];
        let mut absent_score = [0i32; CONTEXTS];
        for k in 0..CONTEXTS {
            absent[k] = (3 * STANDINGS) as u16 + lists[k][0].standing() as u16;
            absent_score[k] = self.standing_score(k, absent[k]);
        }
        // A score is the sum over the lists; the part that all offers share is left out.
        let mut offers = [Offer {
            token: 0,
            score: 0,
            places: absent,
        }; 3 * CONTEXTS + 1];
        let mut count = 0;
        for k in 0..CONTEXTS {
            for (rank, candidate) in lists[k].iter().enumerate() {
                if candidate.0 == 0 {
                    break;
                }
                let token = candidate.token();
                let at = offers[..count]
                    .iter()
                    .position(|offer| offer.token == token)
                    .unwrap_or(count);
                let place = (rank * STANDINGS) as u16 + candidate.standing() as u16;
                let score = self.standing_score(k, place) - absent_score[k];
                let offer = &mut offers[at];
                offer.token = token;
                offer.places[k] = place;
                offer.score += score;
                count = count.max(at + 1);
            }
        }
        if let Some(token) = expected {
            let at = offers[..count]
                .iter()
                .position(|offer| offer.token == token)
                .unwrap_or(count);
            offers[at].token = token;
            offers[at].score += i32::from(stretch(
                self.trust.match_map[match_state(true, match_length)].p(),
            ));
            count = count.max(at + 1);
        }

        let class_set = {
            let morph = t1 >> 1;
            if morph < FIRST_WORD {
                morph as usize
            } else {
                800
            }
        };
        let mut coded = None;
        self.rejected.clear();
        for number in 0..OFFERS.min(count) {
            let mut best = number;
            for i in number + 1..count {
                if offers[i].score > offers[best].score {
                    best = i;
                }
            }
            offers.swap(number, best);
            let offer = offers[number];
            let mut inputs = [0i16; INPUTS];
            let mut maps = [0usize; CONTEXTS];
            let mut votes = 0usize;
            for k in 0..CONTEXTS {
                maps[k] = (k * OFFERS + number) * 4 * STANDINGS + usize::from(offer.places[k]);
                inputs[k] = stretch(self.trust.standing_maps[maps[k]].p());
                votes |= usize::from(usize::from(offer.places[k]) < 3 * STANDINGS) << k;
            }
            let direct = [
                hash(11, offer.token, number as u32, 0),
                hash(13, offer.token, hashes[1], number as u32),
                hash(14, offer.token, hashes[3], number as u32),
            ];
            let mut cells = [0usize; DIRECT];
            let mut direct_maps = [0usize; DIRECT];
            for k in 0..DIRECT {
                cells[k] = direct[k] as usize & self.direct_mask;
                direct_maps[k] = (k * OFFERS + number) * 1024 + self.direct[cells[k]].state();
                inputs[CONTEXTS + k] = stretch(self.trust.direct_maps[direct_maps[k]].p());
            }
            let match_index =
                match_state(expected == Some(offer.token), match_length) + number * MATCH_STATES;
            inputs[CONTEXTS + DIRECT] = if match_length > 0 {
                stretch(self.trust.match_map[match_index].p())
            } else {
                0
            };
            inputs[INPUTS - 1] = 256;

            let sets = [
                match_index,
                class_set + number * 1024,
                votes + (number << CONTEXTS),
            ];
            let a = self.trust.by_match.mix(&inputs, sets[0]);
            let b = self.trust.by_class.mix(&inputs, sets[1]);
            let c = self.trust.by_votes.mix(&inputs, sets[2]);
            let seconds = [a as i16, b as i16, c as i16, 0];
            let last_set = number * 4
                + usize::from(match_length > 0)
                + 2 * usize::from(expected == Some(offer.token));
            let mixed = self.trust.last.mix(&seconds, last_set);
            let p = squash(mixed);
            let r1 = self
                .trust
                .refine_token
                .refine(mixed, (direct[0] >> 22) as usize);
            let r2 = self
                .trust
                .refine_context
                .refine(mixed, (hashes[0] >> 22) as usize);
            let final_p = ((2 * p + r1 + r2 + 2) >> 2).clamp(16, 65520);

            let bit = coder.bit(
                target.packed() == offer.token && target.morph != UNLISTED,
                final_p as u32,
            );

            self.trust.by_match.learn(&inputs, sets[0], squash(a), bit);
            self.trust.by_class.learn(&inputs, sets[1], squash(b), bit);
            self.trust.by_votes.learn(&inputs, sets[2], squash(c), bit);
            self.trust.last.learn(&seconds, last_set, p, bit);
            self.trust.refine_token.learn(bit, 6);
            self.trust.refine_context.learn(bit, 6);
            for k in 0..CONTEXTS {
                self.trust.standing_maps[maps[k]].learn(bit, 1000);
            }
            for k in 0..DIRECT {
                self.trust.direct_maps[direct_maps[k]].learn(bit, 1000);
                self.direct[cells[k]].learn(bit);
            }
            if match_length > 0 {
                self.trust.match_map[match_index].learn(bit, 1000);
            }
            if bit {
                coded = Some(Token {
                    morph: offer.token >> 1,
                    space: offer.token & 1 == 1,
                });
                break;
            }
            self.rejected.push(offer.token >> 1);
        }
        let token = match coded {
            Some(token) => token,
            None => self.spell(
                coder,
                text,
                target,
                word,
                [t1, t2, first, above, callee, inside],
            )?,
        };
        if token.morph != UNLISTED {
            for k in 0..CONTEXTS {
                self.slots[k].at(places[k]).learn(token.packed());
            }
        }
        self.recent.push(token.packed(), width);
        Ok(token)
    }

    /// The bytes of a token's word; empty for other morphs.
    pub fn word(&self, token: Token) -> &[u8] {
        match token.morph {
            UNLISTED => &self.spelled,
            FIRST_WORD.. => self.dictionary.word(token.morph),
            _ => &[],
        }
    }

    /// Codes a decision about a token that is to be spelled, in three contexts: whether
    /// a space precedes it, whether a line break has another line feed.
    fn flag<C: BitCoder>(&mut self, coder: &mut C, flag: bool, hashes: [u32; 3]) -> bool {
        let mask = self.flag_cells.len() - 1;
        let mut sum = 0;
        let mut states = [0; 3];
        for k in 0..3 {
            let cell = self.flag_cells[hashes[k] as usize & mask];
            states[k] = k * 1024 + cell.state();
            sum += i32::from(stretch(self.trust.flag_maps[states[k]].p()));
        }
        let known = usize::from(self.flag_cells[hashes[1] as usize & mask].state() > 63);
        let final_state = 3 * 1024 + ((sum >> 5).clamp(-127, 127) + 128) as usize + known * 256;
        let p = self.trust.flag_maps[final_state].p().clamp(16, 65520);
        let flag = coder.bit(flag, p as u32);
        self.trust.flag_maps[final_state].learn(flag, 1000);
        for k in 0..3 {
            self.trust.flag_maps[states[k]].learn(flag, 1000);
            self.flag_cells[hashes[k] as usize & mask].learn(flag);
        }
        flag
    }

    fn spell<C: BitCoder>(
        &mut self,
        coder: &mut C,
        text: &[u8],
        target: Token,
        word: &[u8],
        around: [u32; 6],
    ) -> Result<Token, CodecError> {
        let [t1, t2, first, above, callee, inside] = around;
        let refused = self.rejected.first().copied().unwrap_or(0);
        let space = self.flag(
            coder,
            target.space,
            [
                hash(21, t1, 0, 0),
                hash(22, t1, t2, 0),
                hash(23, t1, refused, 0),
            ],
        );

        // What the encoder spells; the decoder finds out.
        let mut letters = [0u8; LONGEST_WORD];
        let length = if C::ENCODES {
            spelling_of(target.morph, word, &mut letters)
        } else {
            0
        };
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
        self.completion.start();
        loop {
            let at = self.spelled.len();
            if at > 0 && is_word(self.spelled[0]) {
                if let Some(morph) = self.completion.offer(
                    coder,
                    &mut self.trust.completion,
                    self.knowledge.map(|known| &known.beginnings),
                    whole,
                    t1,
                    at,
                    target.morph,
                    &self.rejected,
                ) {
                    self.completion.learn(morph);
                    return Ok(Token { morph, space });
                }
            }
            let hashes: [u32; ORDERS] = if at == 0 {
                [
                    hash(41, t1, u32::from(space), 0),
                    hash(42, t1, t2, u32::from(space)),
                    hash(43, t1, refused, u32::from(space)),
                    hash(44, first, above, u32::from(space)),
                    hash(45, callee, t1, inside << 1 | u32::from(space)),
                    hash(46, last & 0xffff, 0, 0),
                ]
            } else {
                [
                    hash(31, whole, 0, 0),
                    hash(32, whole, t1, 0),
                    hash(35, last & 0xffff, 0, 0),
                    hash(36, last & 0xff_ffff, 0, 0),
                    hash(37, last, 0, 0),
                    hash(38, part, inside.min(4), at.min(1) as u32),
                ]
            };
            let byte = self.spelling.byte(
                coder,
                &mut self.trust.spelling,
                self.knowledge.map(|known| &known.nodes),
                if at < length { letters[at] } else { 0 },
                &hashes,
                at.min(7),
            );
            if at > 0 && byte == 0 && is_word(self.spelled[0]) {
                break;
            }
            if at > 0 && is_word(self.spelled[0]) && !is_word(byte) {
                return Err(CodecError::Corrupt("a word has a byte that no word has"));
            }
            self.spelled.push(byte);
            last = last << 8 | u32::from(byte);
            whole = letter_hash(whole, byte);
            let edge = byte == b'_'
                || byte == b'$'
                || (byte.is_ascii_uppercase()
                    && !(last >> 8 & 0xff).to_le_bytes()[0].is_ascii_uppercase());
            part = if edge {
                u32::from(byte | 32)
            } else {
                hash(40, part, u32::from(byte | 32), 1)
            };
            let wanted = match self.spelled[0] {
                b'\n' | b' ' | b'\t' => 2,
                letter if is_word(letter) => LONGEST_WORD,
                _ => 1,
            };
            if self.spelled.len() == wanted {
                break;
            }
        }
        let morph = match (self.spelled[0], self.spelled.len()) {
            (b'\n', _) => {
                let code = u32::from(self.spelled[1]);
                let more = target.morph.saturating_sub(BREAK) / tokens::BREAK_CODES;
                let mut feeds = 0;
                while feeds < tokens::MOST_BREAKS - 1 {
                    let hashes = [
                        hash(24, feeds, code, 0),
                        hash(25, feeds, t1, code),
                        hash(26, feeds, first, code),
                    ];
                    if !self.flag(coder, more > feeds, hashes) {
                        break;
                    }
                    feeds += 1;
                }
                if code >= tokens::BREAK_CODE_LIMIT || space {
                    return Err(CodecError::Corrupt("there is no such line break"));
                }
                BREAK + feeds * tokens::BREAK_CODES + code
            }
            (byte @ (b' ' | b'\t'), _) => {
                let (base, most) = if byte == b' ' {
                    (SPACES, 63)
                } else {
                    (TABS, 15)
                };
                let run = u32::from(self.spelled[1]);
                if run == 0 || run > most || space {
                    return Err(CodecError::Corrupt("there is no such run of white space"));
                }
                base + run
            }
            (byte, 1) => u32::from(byte),
            _ => match self.dictionary.find(&self.spelled) {
                Some(morph) => morph,
                None => self.dictionary.add(&self.spelled),
            },
        };
        self.completion.learn(morph);
        Ok(Token { morph, space })
    }
}

fn is_word(byte: u8) -> bool {
    tokens::is_word_byte(byte)
}

/// The letters that spell a token, without the final 0 of a word.
fn spelling_of(morph: u32, word: &[u8], letters: &mut [u8; LONGEST_WORD]) -> usize {
    match morph {
        0..=255 => {
            letters[0] = morph as u8;
            1
        }
        _ if morph < SPACES => {
            let code = morph - BREAK;
            letters[..2].copy_from_slice(&[b'\n', (code % tokens::BREAK_CODES) as u8]);
            2
        }
        _ if morph < TABS => {
            letters[..2].copy_from_slice(&[b' ', (morph - SPACES) as u8]);
            2
        }
        _ if morph < FIRST_WORD => {
            letters[..2].copy_from_slice(&[b'\t', (morph - TABS) as u8]);
            2
        }
        _ => {
            letters[..word.len()].copy_from_slice(word);
            word.len()
        }
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
