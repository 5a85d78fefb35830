//! The alphabet of `chunked-rans`: how literals, references and lengths become symbols.

/// The distances that a block begins with.
pub const INITIAL_DISTANCES: [u32; 4] = [1, 2, 4, 8];
/// The shortest length of a reference.
pub const MIN_LENGTH: u32 = 2;
/// Token symbols below are the four last distances, most recent first.
pub const FIRST_DISTANCE: u8 = 4;
/// Token symbols from here on are runs of literals; those before are classes of distances.
pub const FIRST_RUN: u8 = 60;
/// Token symbols from here on are groups of phrases.
pub const FIRST_PHRASE_GROUP: u8 = 76;
/// The longest run of literals in one token.
pub const MAX_RUN: usize = 128;
/// Classes of token symbols; class 0 stands for none.
pub const TOKEN_CLASSES: usize = 24;
/// Runs (less one) below `1 << RUN_DIRECT_BITS` have a symbol each.
pub const RUN_DIRECT_BITS: u32 = 3;
/// Lengths (less two) below `1 << LENGTH_DIRECT_BITS` have a symbol each.
pub const LENGTH_DIRECT_BITS: u32 = 4;
/// Distances (less one) below `1 << DISTANCE_DIRECT_BITS` have a symbol each.
pub const DISTANCE_DIRECT_BITS: u32 = 2;
/// Streams of a block.
pub const STREAMS: usize = 3;
const LENGTH_SYMBOLS: usize = 64;
const LITERAL_CLASSES: usize = 8;

/// The streams in coding order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Token symbols.
    Token = 0,
    /// Symbols of lengths.
    Length = 1,
    /// Literals.
    Literal = 2,
}

impl Stream {
    /// All of them, in order.
    pub const ALL: [Stream; STREAMS] = [Stream::Token, Stream::Length, Stream::Literal];

    /// Number of tables.
    pub fn contexts(self) -> usize {
        match self {
            Stream::Token => TOKEN_CLASSES,
            Stream::Length => 10,
            Stream::Literal => LITERAL_CLASSES + TOKEN_CLASSES,
        }
    }

    /// Number of symbols when the prior has `groups` groups of phrases.
    pub fn alphabet(self, groups: usize) -> usize {
        match self {
            Stream::Token => usize::from(FIRST_PHRASE_GROUP) + groups,
            Stream::Length => LENGTH_SYMBOLS,
            Stream::Literal => 256,
        }
    }
}

/// One token: a run of literals, a repetition, or a phrase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Length of a repetition; 0 for other tokens.
    pub length: u32,
    /// What the symbol leaves open: low bits of distance - 1, of run - 1, or of the phrase.
    pub detail: u32,
    /// The token symbol.
    pub symbol: u8,
}

/// Whether tokens of `symbol` have a length of their own.
#[inline]
pub fn is_measured(symbol: u8) -> bool {
    symbol < FIRST_RUN
}

/// Whether tokens of `symbol` are runs of literals.
#[inline]
pub fn is_run(symbol: u8) -> bool {
    (FIRST_RUN..FIRST_PHRASE_GROUP).contains(&symbol)
}

/// Symbol, low bits and their number: exact below `1 << direct_bits`, then two symbols an octave.
#[inline]
pub fn split_value(value: u32, direct_bits: u32) -> (u8, u32, u32) {
    if value < 1 << direct_bits {
        return (value as u8, 0, 0);
    }
    let exponent = value.ilog2();
    let width = exponent - 1;
    let symbol = (1 << direct_bits) + 2 * (exponent - direct_bits) + (value >> width & 1);
    (symbol as u8, value & ((1 << width) - 1), width)
}

/// The value without its low bits, and how many those are: the inverse of `split_value`.
#[inline]
pub fn join_value(symbol: u8, direct_bits: u32) -> (u32, u32) {
    let Some(over) = u32::from(symbol).checked_sub(1 << direct_bits) else {
        return (u32::from(symbol), 0);
    };
    let width = (over >> 1) + direct_bits - 1;
    ((2 | over & 1) << width, width)
}

/// What a token symbol says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meaning {
    /// To this the raw bits are added: which of the last distances, a distance, the literals of a
    /// run, or a phrase.
    pub base: u32,
    /// How many raw bits there are.
    pub width: u32,
    /// The table of the token's length when no run comes before it.
    pub length_context: u8,
}

/// What each token symbol says; those of phrase groups come from the prior.
pub fn base_meanings() -> [Meaning; 256] {
    std::array::from_fn(|symbol| {
        let symbol = symbol as u8;
        let (base, width) = match symbol {
            0..FIRST_DISTANCE => (u32::from(symbol), 0),
            FIRST_DISTANCE..FIRST_RUN => {
                let (base, width) = join_value(symbol - FIRST_DISTANCE, DISTANCE_DIRECT_BITS);
                (base + 1, width)
            }
            FIRST_RUN..FIRST_PHRASE_GROUP => {
                let (base, width) = join_value(symbol - FIRST_RUN, RUN_DIRECT_BITS);
                (base + 1, width)
            }
            _ => (0, 0),
        };
        Meaning {
            base,
            width,
            length_context: length_context(symbol, None) as u8,
        }
    })
}

/// The class of each token symbol; those of phrase groups come from the prior.
pub fn base_classes() -> [u8; 256] {
    let mut classes = [0; 256];
    classes[0] = 1;
    classes[1..4].fill(2);
    classes[4..14].fill(3);
    classes[14..22].fill(4);
    classes[22..30].fill(5);
    classes[30..60].fill(6);
    classes[60] = 7;
    classes[61] = 8;
    classes[62..64].fill(9);
    classes[64..76].fill(10);
    classes
}

/// The class of each byte as the one before a literal.
pub const LITERAL_CLASS: [u8; 256] = literal_classes();

const fn literal_classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'\t' | b' ' => 1,
            b'0'..=b'9' => 2,
            b'a' | b'e' | b'i' | b'o' | b'u' => 3,
            b'a'..=b'z' => 4,
            b'A'..=b'Z' => 5,
            33..=127 => 6,
            128..=255 => 7,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// The table of a length; `before` is the symbol of the token before, if there is one.
#[inline]
pub fn length_context(symbol: u8, before: Option<u8>) -> usize {
    match symbol {
        0..4 => 2 * usize::from(symbol > 0) + usize::from(before.is_some_and(is_run)),
        4..14 => 4,
        14..20 => 5,
        20..26 => 6,
        26..32 => 7,
        32..38 => 8,
        _ => 9,
    }
}

/// The table of a literal inside a run.
#[inline]
pub fn inner_literal_context(before: u8) -> usize {
    usize::from(LITERAL_CLASS[usize::from(before)])
}

/// The table of a literal that begins a run.
#[inline]
pub fn first_literal_context(class_before: u8) -> usize {
    LITERAL_CLASSES + usize::from(class_before)
}
