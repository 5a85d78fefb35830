//! Counts words.

mod words;

pub use words::count;
