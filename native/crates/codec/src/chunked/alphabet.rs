//! The alphabet of `chunked-rans`: how runs, references and lengths become symbols.

/// The distances that a block begins with.
pub const INITIAL_DISTANCES: [u32; 4] = [1, 2, 4, 8];
/// The shortest length of a reference.
pub const MIN_LENGTH: u32 = 2;
/// Reference symbols below are the four last distances, most recent first.
pub const FIRST_DISTANCE: u8 = 4;
/// Reference symbols from here on are groups of phrases; those before are classes of distances.
pub const FIRST_PHRASE_GROUP: u8 = 60;
/// Classes of reference symbols; class 0 stands for none.
pub const REFERENCE_CLASSES: usize = 16;
/// Values of a run or a length below `1 << VALUE_DIRECT_BITS` have a symbol each.
pub const VALUE_DIRECT_BITS: u32 = 4;
/// Distances (less one) below `1 << DISTANCE_DIRECT_BITS` have a symbol each.
pub const DISTANCE_DIRECT_BITS: u32 = 2;
/// Streams of a block.
pub const STREAMS: usize = 4;
const VALUE_SYMBOLS: usize = 64;
const LITERAL_CLASSES: usize = 8;

/// The streams in coding order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Reference symbols.
    Reference = 0,
    /// Symbols of literal runs.
    Run = 1,
    /// Symbols of lengths.
    Length = 2,
    /// Literals.
    Literal = 3,
}

impl Stream {
    /// All of them, in order.
    pub const ALL: [Stream; STREAMS] = [Stream::Reference, Stream::Run, Stream::Length, Stream::Literal];

    /// Number of tables.
    pub fn contexts(self) -> usize {
        match self {
            Stream::Reference => REFERENCE_CLASSES,
            Stream::Run => 3 * REFERENCE_CLASSES,
            Stream::Length => 10,
            Stream::Literal => LITERAL_CLASSES + REFERENCE_CLASSES,
        }
    }

    /// Number of symbols when the prior has `groups` groups of phrases.
    pub fn alphabet(self, groups: usize) -> usize {
        match self {
            Stream::Reference => usize::from(FIRST_PHRASE_GROUP) + groups,
            Stream::Run | Stream::Length => VALUE_SYMBOLS,
            Stream::Literal => 256,
        }
    }
}

/// One sequence: a run of literals, then a reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// Literals before the reference.
    pub run: u32,
    /// Length of the reference; 0 for a phrase.
    pub length: u32,
    /// What the symbol leaves open: low bits of distance - 1, or of the phrase.
    pub detail: u32,
    /// The reference symbol.
    pub symbol: u8,
}

impl Sequence {
    /// Whether the reference has a length of its own.
    pub fn is_measured(&self) -> bool {
        self.symbol < FIRST_PHRASE_GROUP
    }
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

/// The class of each reference symbol; those of phrase groups come from the prior.
pub fn base_reference_classes() -> [u8; 256] {
    let mut classes = [0; 256];
    classes[0] = 1;
    classes[1..4].fill(2);
    classes[4..14].fill(3);
    classes[14..22].fill(4);
    classes[22..30].fill(5);
    classes[30..60].fill(6);
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

/// 0 repeats a distance, 1 has a new one, 2 is a phrase.
#[inline]
pub fn kind(symbol: u8) -> usize {
    usize::from(symbol >= FIRST_DISTANCE) + usize::from(symbol >= FIRST_PHRASE_GROUP)
}

/// The table of a run, by the class of the reference before it and the reference after it.
#[inline]
pub fn run_context(class_before: u8, symbol: u8) -> usize {
    3 * usize::from(class_before) + kind(symbol)
}

/// The table of a length.
#[inline]
pub fn length_context(symbol: u8, has_run: bool) -> usize {
    match symbol {
        0..4 => 2 * usize::from(symbol > 0) + usize::from(has_run),
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
