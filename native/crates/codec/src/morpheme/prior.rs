//! Priors: what is worth knowing about a language before a block begins.
//!
//! The content holds, arithmetic-coded: the vocabulary, how often each token occurs,
//! for each kind of context what followed it (n-grams of tokens with a likelihood and
//! a confidence), nodes of the byte model, and the learned trust. The tables that
//! blocks ask are rebuilt from that once, when the content is parsed.

use super::coder::{BitCoder, Decoder, Encoder};
use super::completion::{beginning_hash, LONGEST};
use super::contexts::{Candidate, Slot, Slots};
use super::mixing::Numbers;
use super::model::{context_hash, letter_hash, Knowledge, Trust, CONTEXTS};
use super::numbers::{NumberModel, SymbolModel};
use super::spelling::Nodes;
use super::tokens::{is_word_byte, Dictionary, BREAK, FIRST_WORD, LONGEST_WORD};
use crate::CodecError;

/// First bytes of a prior's content: what it is, and the version of this layout.
const MAGIC: &[u8; 4] = b"QMP\x01";
/// Most words, and most contexts of one kind.
pub const MOST_WORDS: usize = 1 << 16;
pub const MOST_CONTEXTS: usize = 1 << 17;
/// Places (log2) of the byte model's nodes in a prior.
pub const PRIOR_NODE_BITS: u32 = 15;
/// Tokens that contexts name although no text holds them.
const ALWAYS: [u32; 3] = [0, 1, 2];

/// The successors of one context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gram {
    /// Two ranks, and a rank or a plain number.
    pub context: [u32; 3],
    /// How often the context occurred, logarithmically, 0..=15.
    pub confidence: u32,
    /// Ranks and likelihoods (0..=15), one to three, best first.
    pub successors: Vec<(u32, u32)>,
}

/// A prior in the form that is written and read.
pub struct Content {
    /// Words, sorted, two bytes or more each.
    pub words: Vec<Vec<u8>>,
    /// For every morph, without and with space: how often, logarithmically; 0 is never.
    pub levels: Vec<[u32; 2]>,
    /// For each kind of context the grams, sorted by context.
    pub grams: [Vec<Gram>; CONTEXTS],
    /// Nodes of the byte model, `PRIOR_NODE_BITS`.
    pub nodes: Nodes,
    /// The learned trust.
    pub trust: Trust,
}

/// Whether the third part of a context of kind `k` is a rank.
pub fn third_is_rank(k: usize) -> bool {
    k == 2
}

/// Tokens by rank: the more frequent first.
pub fn ranked(levels: &[[u32; 2]]) -> Vec<u32> {
    let mut tokens: Vec<(u32, u32)> = Vec::new();
    for (morph, pair) in levels.iter().enumerate() {
        for (space, &level) in pair.iter().enumerate() {
            let token = (morph as u32) << 1 | space as u32;
            if level > 0 || ALWAYS.contains(&token) {
                tokens.push((15 - level.min(15), token));
            }
        }
    }
    tokens.sort_unstable();
    tokens.into_iter().map(|(_, token)| token).collect()
}

/// The bytes of `content`.
pub fn write(content: &mut Content) -> Vec<u8> {
    let mut coder = Encoder::new(MAGIC.to_vec());
    // Coding cannot fail on this side.
    let coded = code_content(&mut coder, content);
    debug_assert!(coded.is_ok());
    coder.finish()
}

/// What `bytes` say.
pub fn read(bytes: &[u8]) -> Result<Content, CodecError> {
    let body = bytes.strip_prefix(MAGIC).ok_or(CodecError::BadPrior(
        "it is no morpheme prior of this version",
    ))?;
    let mut coder = Decoder::new(body);
    let mut content = Content {
        words: Vec::new(),
        levels: Vec::new(),
        grams: Default::default(),
        nodes: Nodes::new(PRIOR_NODE_BITS),
        trust: Trust::default(),
    };
    code_content(&mut coder, &mut content)?;
    coder
        .finish()
        .map_err(|_| CodecError::BadPrior("it is damaged"))?;
    Ok(content)
}

fn check<C: BitCoder>(coder: &C) -> Result<(), CodecError> {
    if coder.exhausted() {
        return Err(CodecError::BadPrior("it ends too early"));
    }
    Ok(())
}

fn code_content<C: BitCoder>(coder: &mut C, content: &mut Content) -> Result<(), CodecError> {
    code_words(coder, &mut content.words)?;
    let morphs = FIRST_WORD as usize + content.words.len();
    if !C::ENCODES {
        content.levels = vec![[0; 2]; morphs];
    }
    let mut level_model = SymbolModel::<4>::new(2 * 17);
    let mut before = 0;
    for (morph, pair) in content.levels.iter_mut().enumerate() {
        let word = usize::from(morph >= FIRST_WORD as usize);
        pair[0] = level_model.code(coder, word * 17 + before, pair[0]);
        before = if word == 1 { 16 } else { pair[0] as usize };
        pair[1] = level_model.code(coder, word * 17 + pair[0] as usize, pair[1]);
    }
    check(coder)?;
    let tokens = ranked(&content.levels).len() as u32;
    for k in 0..CONTEXTS {
        code_grams(coder, &mut content.grams[k], tokens, third_is_rank(k))?;
    }
    code_nodes(coder, &mut content.nodes)?;
    code_trust(coder, &mut content.trust)
}

fn code_words<C: BitCoder>(coder: &mut C, words: &mut Vec<Vec<u8>>) -> Result<(), CodecError> {
    let mut counts = NumberModel::default();
    let count = counts.code(coder, words.len() as u32) as usize;
    if count > MOST_WORDS {
        return Err(CodecError::BadPrior("it has too many words"));
    }
    let mut shared = NumberModel::default();
    let mut letters = SymbolModel::<8>::new(256);
    let mut previous: Vec<u8> = Vec::new();
    for i in 0..count {
        check(coder)?;
        let given = words.get(i).cloned().unwrap_or_default();
        let common = given
            .iter()
            .zip(&previous)
            .take_while(|(a, b)| a == b)
            .count();
        let common = shared.code(coder, common as u32) as usize;
        if common > previous.len() {
            return Err(CodecError::BadPrior(
                "a word shares more letters than there are",
            ));
        }
        let mut word = previous[..common].to_vec();
        loop {
            let context = word.last().copied().unwrap_or(0);
            let letter = letters.code(
                coder,
                usize::from(context),
                given.get(word.len()).copied().unwrap_or(0).into(),
            ) as u8;
            if letter == 0 {
                break;
            }
            if word.len() >= LONGEST_WORD || !is_word_byte(letter) {
                return Err(CodecError::BadPrior("a word is none"));
            }
            word.push(letter);
        }
        if word.len() < 2 || word <= previous {
            return Err(CodecError::BadPrior("its words are not in order"));
        }
        if !C::ENCODES {
            words.push(word.clone());
        }
        previous = word;
    }
    Ok(())
}

fn code_grams<C: BitCoder>(
    coder: &mut C,
    grams: &mut Vec<Gram>,
    tokens: u32,
    third_is_rank: bool,
) -> Result<(), CodecError> {
    let mut counts = NumberModel::default();
    let count = counts.code(coder, grams.len() as u32) as usize;
    if count > MOST_CONTEXTS {
        return Err(CodecError::BadPrior("it has too many contexts"));
    }
    let mut parts: [[NumberModel; 2]; 3] = Default::default();
    let mut sizes = SymbolModel::<2>::new(16);
    let mut confidences = SymbolModel::<4>::new(16);
    let mut ranks: [NumberModel; 3] = Default::default();
    let mut likelihoods = SymbolModel::<4>::new(3 * 16);
    let mut before = [0u32; 3];
    let mut confidence = 0;
    for i in 0..count {
        check(coder)?;
        let given = grams.get(i).cloned().unwrap_or(Gram {
            context: before,
            confidence: 0,
            successors: Vec::new(),
        });
        // The first part that differs is coded as a difference, the later ones as they are.
        let mut context = [0; 3];
        let mut fresh = false;
        for j in 0..3 {
            let base = if fresh { 0 } else { before[j] };
            let step =
                parts[j][usize::from(fresh)].code(coder, given.context[j].wrapping_sub(base));
            context[j] = base
                .checked_add(step)
                .ok_or(CodecError::BadPrior("a context is out of range"))?;
            let limit = if j < 2 || third_is_rank {
                tokens
            } else {
                1 << 24
            };
            if context[j] >= limit {
                return Err(CodecError::BadPrior("a context is out of range"));
            }
            fresh |= step > 0;
        }
        confidence = confidences.code(coder, confidence, given.confidence) as usize;
        let size = sizes.code(coder, confidence, given.successors.len() as u32) as usize;
        let mut successors = Vec::with_capacity(size);
        let mut last = 15;
        for (j, model) in ranks.iter_mut().enumerate().take(size) {
            let (rank, likelihood) = given.successors.get(j).copied().unwrap_or_default();
            let rank = model.code(coder, rank);
            if rank >= tokens {
                return Err(CodecError::BadPrior("a successor is out of range"));
            }
            last = likelihoods.code(coder, j * 16 + last, likelihood) as usize;
            successors.push((rank, last as u32));
        }
        if !C::ENCODES {
            grams.push(Gram {
                context,
                confidence: confidence as u32,
                successors,
            });
        }
        before = context;
    }
    Ok(())
}

fn code_nodes<C: BitCoder>(coder: &mut C, nodes: &mut Nodes) -> Result<(), CodecError> {
    let mut used = SymbolModel::<1>::new(1);
    let mut counts = SymbolModel::<4>::new(17 * 2);
    let mut chances = SymbolModel::<6>::new(16);
    for row in nodes.rows_mut() {
        check(coder)?;
        if used.code(coder, 0, (row[0] != 0).into()) == 0 {
            continue;
        }
        for i in (1..16).rev() {
            coder_bit(coder, row, i);
        }
        row[0] |= 1;
        // A cell cannot have been met more often than the one above it in the tree.
        for i in 1..16usize {
            let above = if i == 1 {
                16
            } else {
                usize::from(row[i >> 1] & 15)
            };
            if above == 0 {
                row[i] = 2048 << 4;
                continue;
            }
            let count = counts.code(coder, above * 2 + (i & 1), (row[i] & 15).into()) as u16;
            let chance = if count == 0 {
                32
            } else {
                chances.code(coder, usize::from(count), u32::from(row[i] >> 10)) as u16
            };
            row[i] = if count == 0 {
                2048 << 4
            } else {
                chance << 10 | 1 << 9 | count
            };
        }
    }
    Ok(())
}

/// Codes bit `i` of a node's check.
fn coder_bit<C: BitCoder>(coder: &mut C, row: &mut [u16; 16], i: u32) {
    let bit = coder.bit(row[0] >> i & 1 == 1, 32768);
    row[0] = row[0] & !(1 << i) | u16::from(bit) << i;
}

/// Trust is coded as what differs from an untrained one, in coarse steps.
fn code_trust<C: BitCoder>(coder: &mut C, trust: &mut Trust) -> Result<(), CodecError> {
    let untrained = untrained();
    let mut kind = 0;
    let mut result = Ok(());
    trust.visit(&mut |numbers| {
        kind += 1;
        if result.is_ok() {
            result = check(coder);
        }
        if result.is_err() {
            return;
        }
        let mut changed = SymbolModel::<1>::new(2);
        let mut sizes = NumberModel::default();
        let mut counts = NumberModel::default();
        let mut before = 0usize;
        // `given` is the new value when encoding; reading starts from the untrained one.
        let mut number = |coder: &mut C, untrained: i32, given: i32| -> i32 {
            let step = given - untrained;
            let folded = if step < 0 {
                (-2 * step - 1) as u32
            } else {
                2 * step as u32
            };
            before = changed.code(coder, before, (folded != 0).into()) as usize;
            if before == 0 {
                return untrained;
            }
            let folded = sizes.code(coder, folded.wrapping_sub(1)) + 1;
            let step = if folded & 1 == 1 {
                -((folded >> 1) as i32) - 1
            } else {
                (folded >> 1) as i32
            };
            untrained + step
        };
        let base = &untrained[kind - 1];
        match numbers {
            Numbers::Chances(chances) => {
                for (chance, &start) in chances.iter_mut().zip(base) {
                    let (old, new) = (start >> 23, chance.0 >> 23);
                    let p = number(coder, old as i32, new as i32).clamp(0, 511) as u32;
                    if p != old {
                        let count = counts.code(coder, (chance.0 & 1023).min(30)).min(30);
                        chance.0 = p << 23 | 1 << 22 | count;
                    } else {
                        chance.0 = start;
                    }
                }
            }
            Numbers::Weights(weights) => {
                for (weight, &start) in weights.iter_mut().zip(base) {
                    let start = start as i32;
                    *weight = ((start + number(coder, 0, (i32::from(*weight) - start) >> 5) * 32)
                        .clamp(-32768, 32767)) as i16;
                }
            }
            Numbers::Points(points) => {
                for (point, &start) in points.iter_mut().zip(base) {
                    let start = start as i32;
                    *point = ((start + number(coder, 0, (i32::from(*point) - start) >> 7) * 128)
                        .clamp(0, 65535)) as u16;
                }
            }
        }
    });
    result
}

/// The numbers of an untrained `Trust`, slice by slice.
fn untrained() -> Vec<Vec<u32>> {
    let mut found = Vec::new();
    Trust::default().visit(&mut |numbers| {
        found.push(match numbers {
            Numbers::Chances(chances) => chances.iter().map(|chance| chance.0).collect(),
            Numbers::Weights(weights) => weights
                .iter()
                .map(|&weight| i32::from(weight) as u32)
                .collect(),
            Numbers::Points(points) => points.iter().map(|&point| point.into()).collect(),
        });
    });
    found
}

/// Builds the tables that blocks ask.
pub fn build(content: Content) -> Knowledge {
    let mut dictionary = Dictionary::default();
    for word in &content.words {
        dictionary.add(word);
    }
    let tokens = ranked(&content.levels);
    let slots = std::array::from_fn(|k| {
        let grams = &content.grams[k];
        let mut slots = Slots::new(usize::BITS - (grams.len() * 2).max(64).leading_zeros());
        for gram in grams {
            let [a, b, c] = gram.context;
            let c = if third_is_rank(k) {
                tokens[c as usize]
            } else {
                c
            };
            let hash = context_hash(k, [tokens[a as usize], tokens[b as usize], c]);
            let mut candidates = [Candidate::default(); 3];
            for (candidate, &(rank, likelihood)) in candidates.iter_mut().zip(&gram.successors) {
                *candidate = Candidate::known(tokens[rank as usize], likelihood, gram.confidence);
            }
            let place = slots.place(hash, None);
            *slots.at(place) = Slot {
                check: hash | 1,
                candidates,
            };
        }
        slots
    });
    Knowledge {
        beginnings: beginnings(&content),
        dictionary,
        slots,
        nodes: content.nodes,
        trust: content.trust,
    }
}

/// For every beginning of words the most frequent three.
fn beginnings(content: &Content) -> Slots {
    let mut words: Vec<(u32, u32)> = (0..content.levels.len() as u32)
        .filter(|&morph| !(BREAK..FIRST_WORD).contains(&morph))
        .map(|morph| (content.levels[morph as usize], morph))
        .filter(|&(levels, morph)| {
            levels != [0; 2] && (morph >= BREAK || is_word_byte(morph as u8))
        })
        .map(|(levels, morph)| (levels[0].max(levels[1]), morph))
        .collect();
    words.sort_unstable_by_key(|&(level, morph)| (15 - level.min(15), morph));
    let mut slots = Slots::new(usize::BITS - (words.len() * 6).max(64).leading_zeros());
    for (level, morph) in words {
        let single = [morph as u8];
        let word = if morph < BREAK {
            &single[..]
        } else {
            &content.words[(morph - FIRST_WORD) as usize]
        };
        let mut whole = 0;
        for &letter in &word[..word.len().min(LONGEST)] {
            whole = letter_hash(whole, letter);
            let place = slots.place(beginning_hash(whole), None);
            let list = &mut slots.at(place).candidates;
            if let Some(free) = list.iter_mut().find(|candidate| candidate.0 == 0) {
                *free = Candidate::known(morph, level, 0);
            }
        }
    }
    slots
}
