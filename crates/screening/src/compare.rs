//! Compares two names: which words correspond, and how much of both names they explain.

use serde::Serialize;

use crate::names::{Class, Token, Tokens};
use crate::rarity::Rarity;
use crate::words::{How, Weights, similarity};

/// Words of the query and of the listed name that correspond.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Of the query, romanised.
    pub query: String,
    /// Of the listed name, romanised.
    pub listed: String,
    /// In (0, 1].
    pub similarity: f32,
    /// The weight of the words: 1 for a rare word, less for common words, particles and legal forms.
    pub weight: f32,
    /// Why.
    pub how: How,
}

/// Two names compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How well the names agree, in [0, 1]; 1 for the same name.
    pub score: f32,
    /// The words that agree.
    pub pairs: Vec<Pair>,
    /// Words of the query without a counterpart.
    pub query_only: Vec<String>,
    /// Words of the listed name without a counterpart.
    pub listed_only: Vec<String>,
}

/// Similarity of an abbreviation and the words that it abbreviates.
const ACRONYM: f32 = 0.8;
/// Least similarity at which joined words correspond to separate ones.
const JOINED_LEAST: f32 = 0.85;
/// Weight of classes other than words.
const PARTICLE_WEIGHT: f32 = 0.1;
const LEGAL_FORM_WEIGHT: f32 = 0.1;
const INITIAL_WEIGHT: f32 = 0.4;
const NUMBER_WEIGHT: f32 = 0.4;

fn weight(token: &Token, rarity: &Rarity) -> f32 {
    match token.class {
        Class::Word | Class::Joined => rarity.weight(&token.folded),
        Class::Initial => INITIAL_WEIGHT,
        Class::Number => NUMBER_WEIGHT,
        Class::Particle => PARTICLE_WEIGHT,
        Class::LegalForm => LEGAL_FORM_WEIGHT,
    }
}

/// The assignment of words while it grows.
struct Alignment<'n> {
    query: &'n [Token],
    listed: &'n [Token],
    query_free: Vec<bool>,
    listed_free: Vec<bool>,
    /// Positions in the query, positions in the listed name, similarity, why.
    links: Vec<(Vec<usize>, Vec<usize>, f32, How)>,
    rarity: &'n Rarity,
}

/// Compares two names of the same kind.
pub fn compare(query: &Tokens, listed: &Tokens, is_person: bool, rarity: &Rarity, weights: &Weights) -> Comparison {
    let mut alignment = Alignment {
        query: &query.tokens,
        listed: &listed.tokens,
        query_free: vec![true; query.tokens.len()],
        listed_free: vec![true; listed.tokens.len()],
        links: Vec::new(),
        rarity,
    };
    alignment.link_words(weights);
    alignment.link_joined(weights);
    alignment.link_acronyms();
    if is_person {
        alignment.unlink_reversed();
    }
    let score = alignment.score(is_person, weights);
    alignment.explained(score)
}

impl Alignment<'_> {
    /// Links the most similar words first. Of equal ones, links those at the most similar places first.
    fn link_words(&mut self, weights: &Weights) {
        let mut candidates = Vec::new();
        for (i, a) in self.query.iter().enumerate() {
            for (j, b) in self.listed.iter().enumerate() {
                let (similarity, how) = similarity(a, b, weights);
                if similarity > 0.0 {
                    candidates.push((similarity, i, j, how));
                }
            }
        }
        candidates.sort_by(|x, y| y.0.total_cmp(&x.0).then_with(|| x.1.abs_diff(x.2).cmp(&y.1.abs_diff(y.2))));
        for (similarity, i, j, how) in candidates {
            if self.query_free[i] && self.listed_free[j] {
                self.link(vec![i], vec![j], similarity, how);
            }
        }
    }

    fn link(&mut self, query: Vec<usize>, listed: Vec<usize>, similarity: f32, how: How) {
        self.set_free(&query, &listed, false);
        self.links.push((query, listed, similarity, how));
    }

    fn set_free(&mut self, query: &[usize], listed: &[usize], free: bool) {
        for &i in query {
            self.query_free[i] = free;
        }
        for &j in listed {
            self.listed_free[j] = free;
        }
    }

    /// Joins neighbouring words among the words that are left, and links them: two or three to one, and all to all.
    fn link_joined(&mut self, weights: &Weights) {
        let (query, listed) = (left(self.query, &self.query_free), left(self.listed, &self.listed_free));
        if query.is_empty() || listed.is_empty() || query.len() + listed.len() < 3 {
            return;
        }
        let whole = |tokens: &[Token], at: &[usize]| Token::joined(&at.iter().map(|&i| &tokens[i]).collect::<Vec<_>>());
        let letters = |tokens: &[Token], at: &[usize]| at.iter().map(|&i| tokens[i].folded.len()).sum::<usize>();
        let mut best: Option<(f32, Vec<usize>, Vec<usize>)> = None;
        let mut consider = |i: &[usize], j: &[usize]| {
            let (a, b) = (letters(self.query, i), letters(self.listed, j));
            if a.abs_diff(b) * 4 > a.max(b) {
                return;
            }
            let (a, b) = (whole(self.query, i), whole(self.listed, j));
            let (similarity, _) = similarity(&a, &b, weights);
            if similarity >= JOINED_LEAST && best.as_ref().is_none_or(|(other, ..)| similarity > *other) {
                best = Some((similarity, i.to_vec(), j.to_vec()));
            }
        };
        consider(&query, &listed);
        for length in 2..=3 {
            for run in query.windows(length) {
                for &j in &listed {
                    consider(run, &[j]);
                }
            }
            for run in listed.windows(length) {
                for &i in &query {
                    consider(&[i], run);
                }
            }
        }
        if let Some((similarity, i, j)) = best {
            self.link(i, j, similarity, How::Joined);
        }
    }

    /// Links a short word to the run of words that it is the initials of.
    fn link_acronyms(&mut self) {
        let (query, listed) = (left(self.query, &self.query_free), left(self.listed, &self.listed_free));
        let in_query = acronym(self.query, &query, self.listed, &listed);
        if let Some((word, run)) = in_query {
            self.link(vec![word], run, ACRONYM, How::Acronym);
        } else if let Some((word, run)) = acronym(self.listed, &listed, self.query, &query) {
            self.link(run, vec![word], ACRONYM, How::Acronym);
        }
    }

    /// `A son of B` is not `B son of A`: removes the links of the two words.
    fn unlink_reversed(&mut self) {
        let (query, listed) = (child_and_father(self.query), child_and_father(self.listed));
        let linked = |i: usize, j: usize| {
            self.links.iter().position(|(query, listed, ..)| query.as_slice() == [i] && listed.as_slice() == [j])
        };
        let crossed = query.iter().find_map(|&(child, father)| {
            listed.iter().find_map(|&(other_child, other_father)| {
                Some((linked(child, other_father)?, linked(father, other_child)?))
            })
        });
        if let Some((a, b)) = crossed {
            for at in [a.max(b), a.min(b)] {
                let (query, listed, ..) = self.links.remove(at);
                self.set_free(&query, &listed, true);
            }
        }
    }

    /// Mean weight of the two sides of a link.
    fn mass(&self, query: &[usize], listed: &[usize]) -> f32 {
        let sum = |tokens: &[Token], at: &[usize]| at.iter().map(|&i| weight(&tokens[i], self.rarity)).sum::<f32>();
        f32::midpoint(sum(self.query, query), sum(self.listed, listed))
    }

    fn score(&self, is_person: bool, weights: &Weights) -> f32 {
        let (mut agreed, mut linked) = (0.0, 0.0);
        for (query, listed, similarity, _) in &self.links {
            let mass = self.mass(query, listed);
            linked += mass;
            agreed += mass * similarity;
        }
        let unlinked = |tokens: &[Token], free: &[bool]| {
            let counted = tokens.iter().zip(free).filter(|(token, free)| **free && token.class != Class::Particle);
            counted.map(|(token, _)| weight(token, self.rarity)).sum::<f32>()
        };
        let (query, listed) = (unlinked(self.query, &self.query_free), unlinked(self.listed, &self.listed_free));
        let (conflict, missing) = (query.min(listed), (query - listed).abs());
        let missing_costs = if is_person { weights.missing } else { weights.missing_organisation };
        let all = linked + weights.conflict * conflict + missing_costs * missing;
        if all > 0.0 { (agreed / all).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn explained(self, score: f32) -> Comparison {
        let words =
            |tokens: &[Token], at: &[usize]| at.iter().map(|&i| tokens[i].text.as_str()).collect::<Vec<_>>().join(" ");
        let only = |tokens: &[Token], free: &[bool]| {
            tokens.iter().zip(free).filter(|(_, free)| **free).map(|(token, _)| token.text.clone()).collect()
        };
        let pairs = self.links.iter().map(|(query, listed, similarity, how)| Pair {
            query: words(self.query, query),
            listed: words(self.listed, listed),
            similarity: *similarity,
            weight: self.mass(query, listed),
            how: *how,
        });
        Comparison {
            score,
            pairs: pairs.collect(),
            query_only: only(self.query, &self.query_free),
            listed_only: only(self.listed, &self.listed_free),
        }
    }
}

/// The places of the words around each `bin`.
fn child_and_father(tokens: &[Token]) -> Vec<(usize, usize)> {
    let son = |token: &Token| ["bin", "ibn", "ben", "bint"].contains(&token.text.as_str());
    let around = tokens.windows(3).enumerate().filter(|(_, three)| son(&three[1]) && three[1].class == Class::Particle);
    around.map(|(at, _)| (at, at + 2)).collect()
}

/// Places of the words without a counterpart.
fn left(tokens: &[Token], free: &[bool]) -> Vec<usize> {
    (0..tokens.len()).filter(|&i| free[i] && tokens[i].class != Class::Number).collect()
}

fn acronym(short: &[Token], at: &[usize], long: &[Token], free: &[usize]) -> Option<(usize, Vec<usize>)> {
    let free: Vec<usize> = free.iter().copied().filter(|&j| long[j].class == Class::Word).collect();
    for &word in at.iter().filter(|&&i| (2..=6).contains(&short[i].text.len()) && short[i].class == Class::Word) {
        let letters = short[word].text.as_bytes();
        let run = free
            .windows(letters.len())
            .find(|run| run.iter().zip(letters).all(|(&j, letter)| long[j].text.as_bytes().first() == Some(letter)));
        if let Some(run) = run {
            return Some((word, run.to_vec()));
        }
    }
    None
}
