//! Finds the listed names that are worth a comparison: words by their consonants, names by their words.
//!
//! The cost of a query depends on the number of listed words that sound like its words, not on the length of the lists.
//! The search finds names through their rarest words. Common words only add to names that rarer words have found.

use std::collections::HashMap;

use crate::entity::Kind;
use crate::folding;
use crate::names::{self, Class, Token, Tokens};
use crate::rarity::Rarity;
use crate::words::{self, Outline, Weights};

/// A listed name, ready for comparison.
#[derive(Debug)]
pub struct ListedName {
    /// Position of its entity among all.
    pub entity: u32,
    /// Position of the name in its entity.
    pub name: u32,
    /// Its words.
    pub tokens: Tokens,
    /// Sum of the weights of its words.
    mass: f32,
}

/// A distinct word of the lists.
#[derive(Debug)]
struct Word {
    token: Token,
    weight: f32,
    /// Names that have it, ascending.
    names: Vec<u32>,
}

/// The words of the lists.
#[derive(Debug, Default)]
pub struct Index {
    names: Vec<ListedName>,
    words: Vec<Word>,
    /// For each word, an outline that rules out most words without a look at the word itself.
    outlines: Vec<Outline>,
    by_text: HashMap<Box<str>, Vec<u32>>,
    by_key: HashMap<Box<[u8]>, Vec<u32>>,
}

/// Names that are compared in full for one query.
const COMPARED: usize = 48;
/// After this many found names, a word that as many names have only adds to names already found.
const COMMON: usize = 1500;
/// Fewest consonants of which one may be left out: fewer would be shared by too many words.
const SHORTEST_TO_SHORTEN: usize = 4;
/// Consonants beyond these do not count.
const LONGEST_KEY: usize = 12;
/// Lengths of words that are also found by their letters with one left out.
const SHORT_WORDS: std::ops::RangeInclusive<usize> = 2..=6;

impl Index {
    /// Adds a name.
    pub fn add(&mut self, entity: u32, name: u32, tokens: Tokens, kind: Kind) {
        let at = self.names.len() as u32;
        for token in terms(&tokens, kind) {
            let word = self.word(&token);
            if self.words[word].names.last() != Some(&at) {
                self.words[word].names.push(at);
            }
        }
        self.names.push(ListedName { entity, name, tokens, mass: 0.0 });
    }

    fn word(&mut self, token: &Token) -> usize {
        let same_text = self.by_text.entry(token.text.as_str().into()).or_default();
        let known = same_text.iter().find(|&&word| {
            let other = &self.words[word as usize].token;
            other.script == token.script && other.native == token.native
        });
        if let Some(word) = known {
            return *word as usize;
        }
        let at = self.words.len();
        same_text.push(at as u32);
        for key in keys(token) {
            self.by_key.entry(key.into()).or_default().push(at as u32);
        }
        self.outlines.push(Outline::of(token));
        self.words.push(Word { token: token.clone(), weight: 1.0, names: Vec::new() });
        at
    }

    /// Weighs all words. Call it once, after the last name.
    pub fn weigh(&mut self, rarity: &Rarity) {
        for word in &mut self.words {
            word.weight = rarity.weight(&word.token.folded);
        }
        for name in &mut self.names {
            name.mass = mass(&name.tokens, rarity);
        }
    }

    /// The names that are most similar to the query, best first, judged by their words.
    pub fn candidates(&self, query: &Tokens, kind: Kind, rarity: &Rarity, weights: &Weights) -> Vec<&ListedName> {
        let mut found: Vec<Vec<(u32, f32)>> = terms(query, kind).iter().map(|term| self.alike(term, weights)).collect();
        found.sort_by_key(|words| words.iter().map(|(word, _)| self.words[*word as usize].names.len()).sum::<usize>());
        // By name: the agreed mass, and the last term that added to it.
        let mut agreed: HashMap<u32, (f32, usize), Fast> = HashMap::default();
        for (term, words) in found.iter().enumerate() {
            for (word, similarity) in words {
                let word = &self.words[*word as usize];
                let gain = word.weight * similarity;
                let only_known = agreed.len() >= COMMON && word.names.len() >= COMMON / 10;
                for name in &word.names {
                    let entry = match agreed.entry(*name) {
                        std::collections::hash_map::Entry::Vacant(_) if only_known => continue,
                        entry => entry.or_insert((0.0, usize::MAX)),
                    };
                    if entry.1 != term {
                        *entry = (entry.0 + gain, term);
                    }
                }
            }
        }
        let query_mass = mass(query, rarity);
        let mut ranked: Vec<(f32, u32)> = agreed
            .into_iter()
            .map(|(name, (agreed, _))| (self.estimate(name, agreed, query_mass, weights), name))
            .collect();
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.truncate(COMPARED);
        ranked.into_iter().map(|(_, name)| &self.names[name as usize]).collect()
    }

    /// The score of a name if its words agree as found.
    fn estimate(&self, name: u32, agreed: f32, query_mass: f32, weights: &Weights) -> f32 {
        let mass = self.names[name as usize].mass;
        let agreed = agreed.min(mass).min(query_mass);
        let (query, listed) = (query_mass - agreed, mass - agreed);
        agreed / (agreed + weights.conflict * query.min(listed) + weights.missing * (query - listed).abs()).max(1e-6)
    }

    /// Listed words that are similar to a word, most similar first.
    fn alike(&self, term: &Token, weights: &Weights) -> Vec<(u32, f32)> {
        let mut candidates: Vec<u32> = Vec::new();
        candidates.extend(self.by_text.get(term.text.as_str()).into_iter().flatten());
        for text in names::nicknames(term) {
            candidates.extend(self.by_text.get(text).into_iter().flatten());
        }
        for key in keys(term) {
            candidates.extend(self.by_key.get(key.as_slice()).into_iter().flatten());
        }
        candidates.sort_unstable();
        candidates.dedup();
        let own = Outline::of(term);
        let mut alike: Vec<(u32, f32)> = candidates
            .into_iter()
            .filter(|at| words::may_be_similar(&own, &self.outlines[*at as usize], weights))
            .filter_map(|at| {
                let (similarity, _) = words::similarity(term, &self.words[at as usize].token, weights);
                (similarity > 0.0).then_some((at, similarity))
            })
            .collect();
        alike.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        alike
    }
}

/// A hash for keys that are small dense numbers.
type Fast = std::hash::BuildHasherDefault<FastHasher>;

#[derive(Default)]
struct FastHasher(u64);

impl std::hash::Hasher for FastHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    /// Multiplication by the golden ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4).
    fn write_u32(&mut self, value: u32) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn mass(tokens: &Tokens, rarity: &Rarity) -> f32 {
    tokens.tokens.iter().filter(|token| token.class == Class::Word).map(|token| rarity.weight(&token.folded)).sum()
}

/// The words that a search finds a name by: its words, neighbouring words written together, and the initials of an
/// organisation. A name without words is found by its other tokens.
fn terms(tokens: &Tokens, kind: Kind) -> Vec<Token> {
    let words: Vec<&Token> = tokens.tokens.iter().filter(|token| token.class == Class::Word).collect();
    if words.is_empty() {
        return tokens.tokens.clone();
    }
    let mut terms: Vec<Token> = words.iter().map(|token| (*token).clone()).collect();
    for pair in words.windows(2) {
        terms.push(Token::joined(pair));
    }
    if words.len() == 3 {
        terms.push(Token::joined(&words));
    }
    if kind != Kind::Person && words.len() >= 3 {
        let initials = words.iter().filter_map(|word| word.text.chars().next()).collect::<String>();
        terms.push(Token::joined(&[&Token { text: initials, ..words[0].clone() }]));
    }
    terms
}

/// Keys under which a word is stored and looked for. Words share one when
/// - their consonants sound alike, or are four or more and differ in one place, or
/// - they are short and differ in one letter.
fn keys(token: &Token) -> Vec<Vec<u8>> {
    let classes = |left_out: Option<u8>| {
        let consonants = token.folded.iter().filter(|letter| Some(**letter) != left_out);
        let mut key: Vec<u8> = consonants.filter_map(|letter| folding::class(*letter)).collect();
        key.dedup();
        key.truncate(LONGEST_KEY);
        key
    };
    // Arabic and Hebrew write u and v with the same letter.
    let sounds = classes(token.script.lacks_vowels().then_some(b'v'));
    let mut keys = vec![classes(Some(b'v'))];
    if sounds.len() >= SHORTEST_TO_SHORTEN && token.class != Class::Joined {
        keys.extend((0..sounds.len()).map(|at| without(&sounds, at)));
    }
    keys.push(sounds);
    if SHORT_WORDS.contains(&token.folded.len()) && !token.script.lacks_vowels() && token.class != Class::Joined {
        keys.extend((0..token.folded.len()).map(|at| spelled(&without(&token.folded, at))));
        keys.push(spelled(&token.folded));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn without(letters: &[u8], at: usize) -> Vec<u8> {
    [&letters[..at], &letters[at + 1..]].concat()
}

/// Keeps keys of letters apart from those of sounds.
fn spelled(letters: &[u8]) -> Vec<u8> {
    [b"=", letters].concat()
}
