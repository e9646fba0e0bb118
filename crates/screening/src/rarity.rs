//! How rare words are: rare words tell names apart.

use std::collections::HashMap;

/// Counts of the words in the names of the loaded lists.
#[derive(Debug, Clone, Default)]
pub struct Rarity {
    counts: HashMap<Box<[u8]>, u32>,
    names: u32,
}

/// Weight of a word that every name has, against 1 for one that no list has.
const LEAST: f32 = 0.5;

impl Rarity {
    /// Counts the folded words of one name, each once.
    pub fn count<'w>(&mut self, words: impl Iterator<Item = &'w [u8]>) {
        self.names += 1;
        for word in words {
            *self.counts.entry(word.into()).or_default() += 1;
        }
    }

    /// Weight of a folded word in [0.5, 1]: inverse document frequency, scaled.
    pub fn weight(&self, word: &[u8]) -> f32 {
        let count = self.counts.get(word).copied().unwrap_or_default();
        if count == 0 || self.names < 2 {
            return 1.0;
        }
        let (count, names) = (count as f32, self.names as f32);
        LEAST + (1.0 - LEAST) * (1.0 - (1.0 + count).ln() / (1.0 + names).ln()).clamp(0.0, 1.0)
    }
}
