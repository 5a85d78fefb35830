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

/// A model of numbers below 2^31: how many bits, then the bits, the upper three adaptive.
pub struct NumberModel {
    sizes: [Chance; 32],
    upper: [[Chance; 8]; 32],
}

impl Default for NumberModel {
    fn default() -> Self {
        NumberModel { sizes: [Chance::EVEN; 32], upper: [[Chance::EVEN; 8]; 32] }
    }
}

impl NumberModel {
    /// Codes `number`; when reading, it is ignored.
    pub fn code<C: BitCoder>(&mut self, coder: &mut C, number: u32) -> u32 {
        let number = number.wrapping_add(1);
        let size = 31 - number.max(1).leading_zeros();
        let mut coded = 0;
        while coded < 30 && adaptive(coder, &mut self.sizes[coded as usize], size > coded) {
            coded += 1;
        }
        let mut value = 1u32;
        for i in (0..coded).rev() {
            let bit = number >> i & 1 == 1;
            let bit = if value < 8 {
                adaptive(coder, &mut self.upper[coded as usize][value as usize], bit)
            } else {
                coder.bit(bit, 32768)
            };
            value = value << 1 | u32::from(bit);
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
        SymbolModel { trees: vec![Chance::EVEN; contexts << BITS] }
    }

    /// Codes `symbol`; when reading, it is ignored.
    pub fn code<C: BitCoder>(&mut self, coder: &mut C, context: usize, symbol: u32) -> u32 {
        let mut tree = 1usize;
        for i in (0..BITS).rev() {
            let bit = adaptive(coder, &mut self.trees[(context << BITS) + tree], symbol >> i & 1 == 1);
            tree = tree << 1 | usize::from(bit);
        }
        tree as u32 - (1 << BITS)
    }
}
