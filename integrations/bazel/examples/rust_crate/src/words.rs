use std::collections::BTreeMap;

/// How often each word occurs in `text`.
pub fn count(text: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for word in text.split_whitespace() {
        *found.entry(word).or_insert(0) += 1;
    }
    found
}
