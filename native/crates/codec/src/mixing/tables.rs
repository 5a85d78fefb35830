//! Fixed tables: the logistic function and its inverse, bit histories, reciprocals.
//!
//! Computed once with integers, so that they are the same on every machine.

use std::sync::OnceLock;

/// Largest absolute value of a mixer's output, in 1/256 of a unit of log odds.
pub const LOGIT_LIMIT: i32 = 2815;
/// Largest absolute value of a mixer's input.
pub const INPUT_LIMIT: i32 = 2047;
/// Longest deterministic history that has a state of its own.
pub const RUN_LIMIT: usize = 63;

/// A slot: check byte, then the histories of a half byte by its leading bits (1 to 15).
pub type Slot = [u8; 16];

/// All tables.
pub struct Tables {
    squash: [u16; 8192],
    /// Log odds of a 12-bit probability.
    pub stretch: [i16; 4096],
    /// Successors of all bit histories, by bit.
    pub next: [[u8; 256]; 2],
    /// State after a number of equal bits.
    pub run: [[u8; 2]; RUN_LIMIT + 1],
    /// The histories of a half byte that came a number of times and no other did.
    pub paths: [[Slot; 16]; RUN_LIMIT + 1],
    /// 32768 / (n + 1.5) up to n = 255, zero from there.
    pub reciprocal: [i32; 512],
}

impl Tables {
    /// 16-bit probability, 1 to 65535, of log odds (clamped).
    #[inline(always)]
    pub fn squash(&self, logit: i32) -> i32 {
        self.squash_input(logit.clamp(-LOGIT_LIMIT, LOGIT_LIMIT))
    }

    /// The same for log odds within the limit.
    #[inline(always)]
    pub fn squash_input(&self, logit: i32) -> i32 {
        i32::from(self.squash[(logit + 4096) as usize & 8191])
    }

    /// Log odds of a 16-bit probability.
    #[inline(always)]
    pub fn stretch16(&self, probability: i32) -> i32 {
        i32::from(self.stretch[(probability >> 4) as usize & 4095])
    }
}

/// The tables, built on first use.
pub fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(build)
}

fn build() -> Tables {
    let mut squash = [0u16; 8192];
    let least = (4096 - LOGIT_LIMIT) as usize;
    for (value, p) in squash[least..].iter_mut().zip(logistic()) {
        *value = p;
    }
    let mut stretch = [0i16; 4096];
    let mut filled = 0usize;
    for logit in -INPUT_LIMIT..=INPUT_LIMIT {
        let probability = usize::from(squash[(logit + 4096) as usize] >> 4);
        while filled <= probability {
            stretch[filled] = logit as i16;
            filled += 1;
        }
    }
    stretch[filled..].fill(INPUT_LIMIT as i16);
    let next = histories();
    let mut run = [[0u8; 2]; RUN_LIMIT + 1];
    for length in 1..=RUN_LIMIT {
        for bit in 0..2 {
            run[length][bit] = next[bit][usize::from(run[length - 1][bit])];
        }
    }
    let mut paths = [[[0u8; 16]; 16]; RUN_LIMIT + 1];
    for (states, paths) in run.iter().zip(&mut paths) {
        for (bits, path) in paths.iter_mut().enumerate() {
            let mut partial = 1;
            for shift in (0..4).rev() {
                let bit = bits >> shift & 1;
                path[partial] = states[bit];
                partial = partial << 1 | bit;
            }
        }
    }
    let mut reciprocal = [0i32; 512];
    for (n, value) in reciprocal.iter_mut().enumerate().take(256) {
        *value = 65_536 / (2 * n as i32 + 3);
    }
    Tables {
        squash,
        stretch,
        next,
        run,
        paths,
        reciprocal,
    }
}

/// 65536 / (1 + e^(-x/256)) for x from -LOGIT_LIMIT to LOGIT_LIMIT, in 60-bit fixed point.
fn logistic() -> Vec<u16> {
    const ONE: u128 = 1 << 60;
    /// e^(-1/256) in 60-bit fixed point, from its Taylor series.
    fn step() -> u128 {
        let (mut term, mut sum) = (ONE as i128, ONE as i128);
        for n in 1..20 {
            term = -term / (256 * n);
            sum += term;
        }
        sum as u128
    }
    let step = step();
    let mut power = ONE;
    let mut upper = Vec::with_capacity(LOGIT_LIMIT as usize + 1);
    for _ in 0..=LOGIT_LIMIT {
        upper.push(((65536 * ONE) / (ONE + power)).clamp(1, 65535) as u16);
        power = (power * step) >> 60;
    }
    let lower = upper
        .iter()
        .skip(1)
        .rev()
        .map(|&p| (65536 - u32::from(p)).clamp(1, 65535) as u16);
    lower
        .collect::<Vec<_>>()
        .into_iter()
        .chain(upper.iter().copied())
        .collect()
}

/// The bit-history automaton of ZPAQ (level 1 specification, section "nonstationary
/// state machine"): bounded pairs of counts and, for short histories, the last bit.
fn histories() -> [[u8; 256]; 2] {
    const SIDE: usize = 50;
    let mut number = vec![[0u8; 2]; SIDE * SIDE];
    let mut state = 0usize;
    for total in 0..SIDE {
        for ones in 0..=total {
            let zeros = total - ones;
            let variants = variants(zeros as i32, ones as i32);
            if variants > 0 {
                number[zeros * SIDE + ones] = [state as u8, (state + variants - 1) as u8];
                state += variants;
            }
        }
    }
    let mut next = [[0u8; 256]; 2];
    for zeros in 0..SIDE {
        for ones in 0..SIDE {
            for variant in 0..variants(zeros as i32, ones as i32) {
                let from = usize::from(number[zeros * SIDE + ones][variant]);
                for bit in 0..2 {
                    let (z, o) = successor(zeros as i32, ones as i32, bit);
                    next[bit][from] = number[z as usize * SIDE + o as usize][bit];
                }
            }
        }
    }
    next
}

fn variants(zeros: i32, ones: i32) -> usize {
    const BOUND: [i32; 6] = [20, 48, 15, 8, 6, 5];
    let (more, fewer) = (zeros.max(ones), zeros.min(ones));
    match BOUND.get(fewer as usize) {
        Some(&bound) if more <= bound => 1 + usize::from(fewer > 0 && more + fewer <= 17),
        _ => 0,
    }
}

fn successor(zeros: i32, ones: i32, bit: usize) -> (i32, i32) {
    if zeros < ones {
        let (o, z) = successor(ones, zeros, 1 - bit);
        return (z, o);
    }
    let discount = |n: i32| {
        [1, 2, 3, 4, 5, 7, 8]
            .iter()
            .filter(|&&least| n >= least)
            .count() as i32
    };
    let (mut z, mut o) = if bit == 1 {
        (discount(zeros), ones + 1)
    } else {
        (zeros + 1, discount(ones))
    };
    while variants(z, o) == 0 {
        if o < 2 {
            z -= 1;
        } else {
            z = (z * (o - 1) + o / 2) / o;
            o -= 1;
        }
    }
    (z, o)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squash_and_stretch_are_inverse() {
        let t = tables();
        for logit in -INPUT_LIMIT..=INPUT_LIMIT {
            assert!(t.squash(logit) <= t.squash(logit + 1));
            assert_eq!(t.squash(logit) + t.squash(-logit), 65536);
        }
        assert_eq!(t.squash(0), 32768);
        assert_eq!(t.squash(256), 47910); // 65536 / (1 + 1/e), rounded down
        assert_eq!(t.stretch16(32768), 0);
        for p in (512..65024).step_by(16) {
            assert!((t.squash(t.stretch16(p)) - p).abs() <= 512, "{p}");
        }
    }

    #[test]
    fn histories_stay_inside_and_leave_the_start() {
        let t = tables();
        for state in 0..255 {
            assert!(t.next[0][state] != 0 && t.next[1][state] != 0, "{state}");
            assert!(
                t.next[0][state] != 255 && t.next[1][state] != 255,
                "{state}"
            );
        }
    }
}
