//! The lists in memory, and the search in them.

use std::cmp::Ordering;

use crate::compare;
use crate::entity::{Entity, Kind, NameKind};
use crate::index::Index;
use crate::lists::{List, Source, Version};
use crate::names::{self, Class, MAX_CHARS, Tokens};
use crate::rarity::Rarity;
use crate::score::{self, Facts, Score};
use crate::words::Weights;

/// The person or organisation to search for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The name in any script and order.
    pub name: String,
    /// Further facts about the person or organisation.
    pub facts: Facts,
}

/// Why a query is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The name is empty.
    #[error("the name has no letters or digits: give a name")]
    Empty,
    /// The name is longer than any real name.
    #[error("the name has {0} characters, the limit is {MAX_CHARS}: give one name at a time")]
    TooLong(usize),
}

/// An entity that the query may mean.
#[derive(Debug, Clone)]
pub struct Hit<'s> {
    /// The list that it is on.
    pub source: Source,
    /// The entity. `source` and `entity.id` together are a permanent key.
    pub entity: &'s Entity,
    /// Position in `entity.names` of the name that agrees best.
    pub name: usize,
    /// The score and its parts.
    pub score: Score,
}

/// The result of a query.
#[derive(Debug, Clone)]
pub struct Answer<'s> {
    /// Best first.
    pub hits: Vec<Hit<'s>>,
    /// The versions of all lists that were searched.
    pub versions: &'s [Version],
}

/// Lists, ready to be searched.
#[derive(Debug, Default)]
pub struct Screener {
    versions: Vec<Version>,
    /// With the position of their list among the versions.
    entities: Vec<(usize, Entity)>,
    index: Index,
    rarity: Rarity,
    weights: Weights,
}

impl Screener {
    /// Makes lists searchable.
    pub fn new(lists: Vec<List>) -> Screener {
        let mut screener = Screener::default();
        for List { version, entities } in lists {
            let list = screener.versions.len();
            screener.versions.push(version);
            screener.entities.extend(entities.into_iter().map(|entity| (list, entity)));
        }
        for (at, (_, entity)) in screener.entities.iter().enumerate() {
            for (name, listed) in entity.names.iter().enumerate() {
                let tokens = Tokens::read(&listed.full, entity.kind);
                let words = tokens.tokens.iter().filter(|token| token.class == Class::Word);
                screener.rarity.count(words.map(|token| token.folded.as_slice()));
                screener.index.add(at as u32, name as u32, tokens, entity.kind);
            }
        }
        screener.index.weigh(&screener.rarity);
        screener
    }

    /// The versions of the lists.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Finds the entities that a query may mean: those that score at least `threshold`, at most `limit` of them.
    ///
    /// # Errors
    /// When the name has nothing to search for or is longer than any name.
    pub fn search(&self, query: &Query, threshold: f32, limit: usize) -> Result<Answer<'_>, QueryError> {
        let length = query.name.chars().count();
        if length > MAX_CHARS {
            return Err(QueryError::TooLong(length));
        }
        let kind = query.facts.kind.unwrap_or_else(|| guessed_kind(&query.name));
        // A title in a person's name may be the name of a ship. So the query is read in the same way as the entity's name.
        let as_person = Tokens::read(&query.name, Kind::Person);
        let as_other = Tokens::read(&query.name, Kind::Organisation);
        let own = if kind == Kind::Person { &as_person } else { &as_other };
        if own.tokens.is_empty() {
            return Err(QueryError::Empty);
        }
        let mut hits: Vec<Hit<'_>> = Vec::new();
        for listed in self.index.candidates(own, kind, &self.rarity, &self.weights) {
            let (list, entity) = &self.entities[listed.entity as usize];
            let is_person = entity.kind == Kind::Person;
            let tokens = if is_person { &as_person } else { &as_other };
            let comparison = compare::compare(tokens, &listed.tokens, is_person, &self.rarity, &self.weights);
            let name = listed.name as usize;
            let score = score::score(comparison, entity.names[name].kind, &query.facts, entity);
            if score.score >= threshold && score.score > 0.0 {
                hits.push(Hit { source: self.versions[*list].source, entity, name, score });
            }
        }
        hits.sort_by(better);
        let mut seen = std::collections::HashSet::new();
        hits.retain(|hit| seen.insert(std::ptr::from_ref(hit.entity)));
        hits.truncate(limit);
        Ok(Answer { hits, versions: &self.versions })
    }

    /// Scores one name against another as if it were the only, primary name of a listed entity of that kind.
    pub fn compare(&self, query: &str, listed: &str, kind: Kind) -> Score {
        let mut entity = Entity::new("", kind);
        entity.add_name(listed, NameKind::Primary);
        let is_person = kind == Kind::Person;
        let (query, listed) = (Tokens::read(query, kind), Tokens::read(listed, kind));
        let comparison = compare::compare(&query, &listed, is_person, &self.rarity, &self.weights);
        score::score(comparison, NameKind::Primary, &Facts::default(), &entity)
    }
}

fn guessed_kind(name: &str) -> Kind {
    if names::looks_like_organisation(name) { Kind::Organisation } else { Kind::Person }
}

/// Best first. Equal ones keep the order of the lists and their entries, so that answers do not depend on chance.
fn better(a: &Hit<'_>, b: &Hit<'_>) -> Ordering {
    let by_score = b.score.score.total_cmp(&a.score.score);
    by_score.then_with(|| a.source.cmp(&b.source)).then_with(|| a.entity.id.cmp(&b.entity.id)).then(a.name.cmp(&b.name))
}
