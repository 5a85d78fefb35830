//! An order of words in which like ones stand together: words in the company of the same tokens.
//!
//! Each half of a list is given the words that its own features foresee better than the
//! other half's (a top-down form of Brown clustering), and is then halved in turn.

/// Rounds in which words may change sides.
const ROUNDS: usize = 6;
/// Lists this short are left alone.
const SHORTEST: usize = 4;
/// Room for every feature.
const FEATURES: usize = 1 << 13;

/// 256 log2(n), a straight line between powers of two.
fn logarithm(n: u64) -> i64 {
    let n = n.max(1);
    let power = n.ilog2();
    let rest = ((n - (1 << power)) << 8) >> power;
    i64::from(power) * 256 + rest as i64
}

/// The words `0..weights.len()` in their new order, from the features (below 2^13) of each and how often it has them.
pub fn ordered(weights: &[u64], company: Vec<Vec<(u32, u32)>>) -> Vec<u32> {
    let mut words: Vec<u32> = (0..weights.len() as u32).collect();
    let mut open = vec![(0, words.len())];
    while let Some((start, end)) = open.pop() {
        if end - start > SHORTEST {
            let middle = start + halve(&mut words[start..end], weights, &company);
            open.push((start, middle));
            open.push((middle, end));
        }
    }
    words
}

/// Sorts the words into two halves of equal weight, and says where the second begins.
fn halve(words: &mut [u32], weights: &[u64], company: &[Vec<(u32, u32)>]) -> usize {
    let total: u64 = words.iter().map(|&word| weights[word as usize]).sum();
    let cut = |words: &[u32]| {
        let mut sum = 0;
        let before = words.iter().take_while(|&&word| {
            sum += weights[word as usize];
            sum * 2 <= total
        });
        before.count().clamp(1, words.len() - 1)
    };
    let mut middle = cut(words);
    for _ in 0..ROUNDS {
        let mut counts = vec![[1u64; 2]; FEATURES];
        let mut sums = [FEATURES as u64; 2];
        for (place, &word) in words.iter().enumerate() {
            let side = usize::from(place >= middle);
            for &(feature, count) in &company[word as usize] {
                counts[feature as usize % FEATURES][side] += u64::from(count) * 4;
                sums[side] += u64::from(count) * 4;
            }
        }
        let even = logarithm(sums[1]) - logarithm(sums[0]);
        // How much better the first half foresees a word's features, by feature, then the word.
        let mut scored: Vec<(i64, u32)> = words
            .iter()
            .map(|&word| {
                let mut score = 0;
                let mut seen = 1;
                for &(feature, count) in &company[word as usize] {
                    let [first, second] = counts[feature as usize % FEATURES];
                    score += i64::from(count) * (logarithm(first) - logarithm(second) + even);
                    seen += i64::from(count);
                }
                (-score * 16 / seen, word)
            })
            .collect();
        scored.sort_unstable();
        let same = scored
            .iter()
            .zip(&*words)
            .all(|(&(_, new), &old)| new == old);
        for (word, &(_, new)) in words.iter_mut().zip(&scored) {
            *word = new;
        }
        middle = cut(words);
        if same {
            break;
        }
    }
    middle
}
