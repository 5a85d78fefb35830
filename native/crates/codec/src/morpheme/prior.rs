//! Priors: what is worth knowing about a language before a block begins.
//!
//! The content holds, in columns: the vocabulary, how often each token occurs,
//! for each kind of context what followed it (n-grams of tokens with a likelihood and
//! a confidence), rows of the byte model, and the learned trust. The tables that
//! blocks ask are rebuilt from that once, when the content is parsed.

use super::columns::{ColumnReader, ColumnWriter, Columns};
use super::contexts::{Candidate, Slots};
use super::mixing::Numbers;
use super::model::{context_hash, valid, Code, Knowledge, Trust};
use super::recent::{CONTEXTS, TOKEN_PARTS};
use super::symbols::Rows;
use super::tokens::{is_word_byte, Dictionary, FIRST_WORD, LONGEST_WORD};
use crate::CodecError;

/// First bytes of a prior's content: what it is, and the version of this layout.
const MAGIC: &[u8; 4] = b"QMP\x01";
/// Most words, and most contexts of one kind.
pub const MOST_WORDS: usize = 1 << 16;
pub const MOST_CONTEXTS: usize = 1 << 17;
/// Places (log2) of the byte model's rows in a prior.
pub const PRIOR_ROW_BITS: u32 = 15;
/// Tokens that contexts name although no text holds them.
const ALWAYS: [u32; 3] = [0, 1, 2];

/// The successors of one context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gram {
    /// Ranks of tokens, then plain numbers.
    pub context: [u32; 3],
    /// How often the context occurred, logarithmically, 0..=15.
    pub confidence: u32,
    /// How many successors.
    pub size: u32,
    /// Ranks and likelihoods (0..=15), best first.
    pub successors: [(u32, u32); 3],
}

/// A prior in the form that is written and read.
pub struct Content {
    /// Words in the order of the tree, two bytes or more each.
    pub words: Vec<Vec<u8>>,
    /// For every morph, without and with space: how often, logarithmically; 0 is never.
    pub levels: Vec<[u32; 2]>,
    /// How often each letter is spelled, logarithmically.
    pub letters: [u32; 256],
    /// How often tokens escape to the symbols that are none, logarithmically.
    pub specials: [u32; 6],
    /// For each kind of context the grams, sorted by context.
    pub grams: [Vec<Gram>; CONTEXTS],
    /// Rows of the byte model, `PRIOR_ROW_BITS`.
    pub rows: Rows,
    /// The learned trust.
    pub trust: Trust,
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

/// Columns by what they hold.
const COUNT: usize = 0;
const LETTER: usize = 1;
const LEVEL: usize = 2; // 34 of them: after each level, of words and of others
const SPELLED: usize = LEVEL + 34;
const GRAM: usize = SPELLED + 1; // for each kind of context `GRAM_COLUMNS`
const GRAM_COLUMNS: usize = 12;
const PLACE: usize = GRAM + CONTEXTS * GRAM_COLUMNS;
const CHECK: usize = PLACE + 1;
const CELL_COUNT: usize = CHECK + 1; // by the count of the cell above
const CELL_CHANCE: usize = CELL_COUNT + 17; // by count
const TRUST: usize = CELL_CHANCE + 16; // for each list of numbers `TRUST_COLUMNS`
const TRUST_COLUMNS: usize = 3;
const TRUST_LISTS: usize = 7;
const COLUMNS: usize = TRUST + TRUST_COLUMNS * TRUST_LISTS;

/// The bytes of `content`.
pub fn write(content: &mut Content) -> Vec<u8> {
    let mut columns = ColumnWriter::new(COLUMNS);
    // Coding cannot fail on this side.
    let coded = code_content(&mut columns, content);
    debug_assert!(coded.is_ok());
    columns.finish(MAGIC.to_vec())
}

/// What `bytes` say.
pub fn read(bytes: &[u8]) -> Result<Content, CodecError> {
    let body = bytes.strip_prefix(MAGIC).ok_or(CodecError::BadPrior(
        "it is no morpheme prior of this version",
    ))?;
    let mut columns = ColumnReader::new(COLUMNS, body)?;
    let mut content = Content {
        words: Vec::new(),
        levels: Vec::new(),
        letters: [0; 256],
        specials: [0; 6],
        grams: Default::default(),
        rows: Rows::new(PRIOR_ROW_BITS),
        trust: Trust::default(),
    };
    code_content(&mut columns, &mut content)?;
    columns.finish()?;
    Ok(content)
}

fn check<C: Columns>(columns: &C) -> Result<(), CodecError> {
    if columns.exhausted() {
        return Err(CodecError::BadPrior("it ends too early"));
    }
    Ok(())
}

fn code_content<C: Columns>(columns: &mut C, content: &mut Content) -> Result<(), CodecError> {
    code_words(columns, &mut content.words)?;
    let morphs = FIRST_WORD as usize + content.words.len();
    if !C::WRITES {
        content.levels = vec![[0; 2]; morphs];
    }
    let mut before = 0;
    for (morph, pair) in content.levels.iter_mut().enumerate() {
        let word = usize::from(morph >= FIRST_WORD as usize);
        pair[0] = columns.number(LEVEL + word * 17 + before, pair[0]).min(15);
        before = if word == 1 { 16 } else { pair[0] as usize };
        pair[1] = columns
            .number(LEVEL + word * 17 + pair[0] as usize, pair[1])
            .min(15);
        for space in [false, true] {
            if pair[usize::from(space)] > 0 && !valid(morph as u32, space, morphs as u32) {
                return Err(CodecError::BadPrior("it knows a token that is none"));
            }
        }
    }
    for level in content.letters.iter_mut().chain(&mut content.specials) {
        *level = columns.number(SPELLED, *level).min(15);
    }
    check(columns)?;
    let tokens = ranked(&content.levels).len() as u32;
    for k in 0..CONTEXTS {
        let first = GRAM + k * GRAM_COLUMNS;
        let limits = std::array::from_fn(|j| if j < TOKEN_PARTS[k] { tokens } else { 1 << 24 });
        code_grams(columns, first, &mut content.grams[k], (limits, tokens))?;
    }
    code_rows(columns, &mut content.rows)?;
    code_trust(columns, &mut content.trust)
}

fn code_words<C: Columns>(columns: &mut C, words: &mut Vec<Vec<u8>>) -> Result<(), CodecError> {
    let count = columns.number(COUNT, words.len() as u32) as usize;
    if count > MOST_WORDS {
        return Err(CodecError::BadPrior("it has too many words"));
    }
    for i in 0..count {
        check(columns)?;
        if C::WRITES {
            for &letter in &words[i] {
                columns.number(LETTER, letter_code(letter));
            }
            columns.number(LETTER, 0);
            continue;
        }
        let mut word = Vec::new();
        loop {
            let letter = letter_of(columns.number(LETTER, 0));
            if letter == 0 {
                break;
            }
            if word.len() >= LONGEST_WORD || !is_word_byte(letter) {
                return Err(CodecError::BadPrior("a word is none"));
            }
            word.push(letter);
        }
        if word.len() < 2 {
            return Err(CodecError::BadPrior("a word is none"));
        }
        words.push(word);
    }
    Ok(())
}

fn code_grams<C: Columns>(
    columns: &mut C,
    first: usize,
    grams: &mut Vec<Gram>,
    (limits, tokens): ([u32; 3], u32),
) -> Result<(), CodecError> {
    // Columns: the parts of a context as steps or whole, sizes, confidences, ranks, likelihoods.
    let (parts, sizes, confidences) = (first, first + 6, first + 7);
    let (ranks, likelihoods) = (first + 8, first + 11);
    let count = columns.number(COUNT, grams.len() as u32) as usize;
    if count > MOST_CONTEXTS {
        return Err(CodecError::BadPrior("it has too many contexts"));
    }
    if !C::WRITES {
        grams.resize(count, Gram::default());
    }
    let mut before = [0u32; 3];
    for gram in grams.iter_mut() {
        check(columns)?;
        // The first part that differs is coded as a difference, the later ones as they are.
        let mut fresh = false;
        for j in 0..3 {
            let base = if fresh { 0 } else { before[j] };
            let step = columns.number(
                parts + 2 * j + usize::from(fresh),
                gram.context[j].wrapping_sub(base),
            );
            gram.context[j] = base + step;
            if gram.context[j] >= limits[j] {
                return Err(CodecError::BadPrior("a context is out of range"));
            }
            fresh |= step > 0;
        }
        gram.confidence = columns.number(confidences, gram.confidence).min(15);
        gram.size = columns.number(sizes, gram.size).min(3);
        for j in 0..gram.size as usize {
            let (rank, likelihood) = &mut gram.successors[j];
            *rank = columns.number(ranks + j, *rank);
            if *rank >= tokens {
                return Err(CodecError::BadPrior("a successor is out of range"));
            }
            *likelihood = columns.number(likelihoods, *likelihood).min(15);
        }
        before = gram.context;
    }
    Ok(())
}

fn code_rows<C: Columns>(columns: &mut C, rows: &mut Rows) -> Result<(), CodecError> {
    let used: Vec<usize> = if C::WRITES {
        let used = rows.rows().enumerate().filter(|(_, row)| row[0] != 0);
        used.map(|(place, _)| place).collect()
    } else {
        Vec::new()
    };
    let count = columns.number(COUNT, used.len() as u32) as usize;
    let mut next = 0;
    for i in 0..count {
        check(columns)?;
        let place = next
            + columns.number(PLACE, used.get(i).map_or(0, |&place| (place - next) as u32)) as usize;
        next = place + 1;
        let row = rows
            .row_mut(place)
            .ok_or(CodecError::BadPrior("a row is out of range"))?;
        row[0] = columns.number(CHECK, row[0].into()) as u16 | 1;
        // A cell cannot have been met more often than the one above it in the tree.
        for i in 1..16usize {
            let above = if i == 1 {
                16
            } else {
                usize::from(row[i >> 1] & 15)
            };
            let mut cell = 2048 << 4;
            if above > 0 {
                let count = columns
                    .number(CELL_COUNT + above, (row[i] & 15).into())
                    .min(15);
                if count > 0 {
                    let chance = columns
                        .number(CELL_CHANCE + count as usize, (row[i] >> 11).into())
                        .min(31);
                    cell = (chance << 11 | 1 << 10 | count) as u16;
                }
            }
            row[i] = cell;
        }
    }
    Ok(())
}

/// Letters as numbers: the usual ones first.
fn letter_code(letter: u8) -> u32 {
    match letter {
        b'_' => 1,
        b'a'..=b'z' => u32::from(letter - b'a') + 2,
        _ => u32::from(letter) + 28,
    }
}

fn letter_of(code: u32) -> u8 {
    match code {
        0 => 0,
        1 => b'_',
        2..28 => b'a' + (code - 2) as u8,
        _ => (code - 28).min(255) as u8,
    }
}

/// Trust is coded as what differs from an untrained one, in coarse steps.
fn code_trust<C: Columns>(columns: &mut C, trust: &mut Trust) -> Result<(), CodecError> {
    let untrained = untrained();
    let mut list = 0;
    let mut result = Ok(());
    trust.visit(&mut |numbers| {
        let first = TRUST + TRUST_COLUMNS * list;
        let base = &untrained[list];
        list += 1;
        if result.is_ok() {
            result = code_list(columns, first, numbers, base);
        }
    });
    result
}

fn code_list<C: Columns>(
    columns: &mut C,
    first: usize,
    mut numbers: Numbers<'_>,
    untrained: &[u32],
) -> Result<(), CodecError> {
    let (skips, steps, counts) = (first, first + 1, first + 2);
    let length = untrained.len();
    let mut at = 0;
    while at < length {
        check(columns)?;
        let mut same = 0;
        if C::WRITES {
            let rest = at..length;
            same = rest
                .take_while(|&i| step(&numbers, i, untrained[i]) == 0)
                .count();
        }
        at += columns.number(skips, same as u32) as usize;
        if at >= length {
            break;
        }
        let given = step(&numbers, at, untrained[at]);
        let folded = columns.number(
            steps,
            if given < 0 {
                (-2 * given - 1) as u32
            } else {
                2 * given as u32
            },
        );
        let step = if folded & 1 == 1 {
            -((folded >> 1) as i32) - 1
        } else {
            (folded >> 1) as i32
        };
        let start = untrained[at] as i32;
        match &mut numbers {
            Numbers::Chances(chances) => {
                let count = columns
                    .number(counts, (chances[at].0 & 1023).min(30))
                    .min(30);
                let p = ((untrained[at] >> 24) as i32 + step).clamp(0, 255) as u32;
                chances[at].0 = p << 24 | 1 << 23 | count;
            }
            Numbers::Weights(weights) => {
                weights[at] = (start + step * 64).clamp(-32768, 32767) as i16;
            }
        }
        at += 1;
    }
    if at > length {
        return Err(CodecError::BadPrior("its trust is out of range"));
    }
    Ok(())
}

/// How far a number is from an untrained one, in steps.
#[inline(always)]
fn step(numbers: &Numbers<'_>, at: usize, untrained: u32) -> i32 {
    match numbers {
        Numbers::Chances(chances) => (chances[at].0 >> 24) as i32 - (untrained >> 24) as i32,
        Numbers::Weights(weights) => (i32::from(weights[at]) - untrained as i32) >> 6,
    }
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
        });
    });
    found
}

/// What is known without a prior.
pub fn nothing() -> Knowledge {
    let morphs = FIRST_WORD as usize;
    let level = |morph: u32, space: bool| match morph {
        _ if !valid(morph, space, FIRST_WORD) => 0,
        0x20..0x7f => 4,
        0..256 => 1,
        _ => 2,
    };
    let letters = std::array::from_fn(|letter| match letter as u8 {
        0 | b'a'..=b'z' | b'_' => 6,
        b'A'..=b'Z' | b'0'..=b'9' => 4,
        _ => 1,
    });
    build(Content {
        words: Vec::new(),
        levels: (0..morphs as u32)
            .map(|morph| [level(morph, false), level(morph, true)])
            .collect(),
        letters,
        specials: [6, 6, 1, 1, 8, 8],
        grams: Default::default(),
        rows: Rows::new(1),
        trust: Trust::default(),
    })
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
            let mut context = gram.context;
            for part in &mut context[..TOKEN_PARTS[k]] {
                *part = tokens[*part as usize];
            }
            let hash = context_hash(k, context);
            let mut candidates = [Candidate::default(); 3];
            for (candidate, &(rank, likelihood)) in candidates
                .iter_mut()
                .zip(&gram.successors[..gram.size as usize])
            {
                *candidate = Candidate::known(tokens[rank as usize], likelihood, gram.confidence);
            }
            slots.put(hash, candidates);
        }
        slots
    });
    let end = content.levels.len() as u32;
    let leaves: Vec<(u32, u32)> = (0..end)
        .flat_map(|morph| [(morph, false), (morph, true)])
        .map(|(morph, space)| {
            (
                morph,
                space,
                content.levels[morph as usize][usize::from(space)],
            )
        })
        .filter(|&(_, _, level)| level > 0)
        .map(|(morph, space, level)| (morph << 1 | u32::from(space), level))
        .collect();
    Knowledge {
        dictionary,
        slots,
        code: Code::new(&leaves, content.specials, &content.letters, end as usize),
        rows: content.rows,
        trust: content.trust,
    }
}
