//! Numbers and letters in a prior's content, coded with adaptive binary models.

use super::coder::BitCoder;
use super::mixing::Chance;

/// Codes one bit with an adaptive probability.
#[inline(always)]
fn adaptive<C: BitCoder>(coder: &mut C, chance: &mut Chance, bit: bool) -> bool {
    let bit = coder.bit(bit, chance.p().clamp(64, 65472) as u32);
    chance.learn(bit, 60);
    bit
}

/// A model of numbers below 2^24: how many bits, then the bits, the upper three adaptive.
pub struct NumberModel {
    sizes: SymbolModel<5>,
    upper: [[Chance; 8]; 32],
}

impl Default for NumberModel {
    fn default() -> Self {
        NumberModel {
            sizes: SymbolModel::new(1),
            upper: [[Chance::EVEN; 8]; 32],
        }
    }
}

impl NumberModel {
    /// Codes `number`; when reading, it is ignored.
    pub fn code<C: BitCoder>(&mut self, coder: &mut C, number: u32) -> u32 {
        let number = number.wrapping_add(1).max(1);
        let size = self
            .sizes
            .code(coder, 0, 31 - number.leading_zeros())
            .min(24);
        let mut value = 1u32;
        let mut left = size;
        while left > 0 && value < 8 {
            left -= 1;
            let bit = adaptive(
                coder,
                &mut self.upper[size as usize][value as usize],
                number >> left & 1 == 1,
            );
            value = value << 1 | u32::from(bit);
        }
        if left > 0 {
            value = value << left | coder.plain(number & ((1 << left) - 1), left);
        }
        value - 1
    }
}

/// A model of symbols below 2^BITS in a small context.
pub struct SymbolModel<const BITS: u32> {
    trees: Vec<Chance>,
}

impl<const BITS: u32> SymbolModel<BITS> {
    /// A model with `contexts` contexts.
    pub fn new(contexts: usize) -> Self {
        SymbolModel {
            trees: vec![Chance::EVEN; contexts << BITS],
        }
    }

    /// Codes `symbol`; when reading, it is ignored.
    pub fn code<C: BitCoder>(&mut self, coder: &mut C, context: usize, symbol: u32) -> u32 {
        let mut tree = 1usize;
        for i in (0..BITS).rev() {
            let bit = adaptive(
                coder,
                &mut self.trees[(context << BITS) + tree],
                symbol >> i & 1 == 1,
            );
            tree = tree << 1 | usize::from(bit);
        }
        tree as u32 - (1 << BITS)
    }
}
