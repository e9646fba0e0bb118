//! One score for a query against an entity: the agreement of the names, multiplied by a factor from further facts.

use serde::Serialize;

use crate::compare::{Comparison, Pair};
use crate::country::Country;
use crate::dates::{Agreement, BirthDate};
use crate::entity::{Entity, Gender, Kind, NameKind};

/// Facts about the person or organisation of the query, besides the name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Person or organisation, if known.
    pub kind: Option<Kind>,
    /// Date of birth.
    pub birth: Option<BirthDate>,
    /// Nationalities.
    pub nationalities: Vec<Country>,
    /// Gender.
    pub gender: Option<Gender>,
}

/// A part of a score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The fact.
    pub what: What,
    /// The change of the factor of the name's score.
    pub effect: f32,
}

/// A fact that changes a score, besides the agreement of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "part", content = "finding")]
pub enum What {
    /// The factor of a name without further facts.
    NameAlone,
    /// The agreement rests on few or common words.
    CommonName,
    /// The listed name is a weak alias.
    WeakAlias,
    /// The query asks for a person and the entry is an organisation, or the other way round.
    OtherKind,
    /// Dates of birth: the pair that agrees best.
    Birth(Agreement),
    /// Whether a nationality is shared.
    Nationality(bool),
    /// Whether the gender is the same.
    Gender(bool),
}

/// A score and how it was made: `score` = `names.score` x the sum of the effects of `parts`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// In [0, 1); higher is more alike.
    pub score: f32,
    /// The agreement of the names.
    pub names: Comparison,
    /// The factors beside it.
    pub parts: Vec<Part>,
}

/// The default threshold: scores from here on are reported as matches. docs/screening.md has its error rates.
pub const THRESHOLD: f32 = 0.7;

/// The factor of a name alone. Matches with more evidence can rank above it.
const NAME_ALONE: f32 = 0.90;
/// The change for an agreement that rests on almost nothing. It shrinks with the weight of the words that agree.
const COMMON_NAME: f32 = -0.10;
const WEAK_ALIAS: f32 = -0.08;
const OTHER_KIND: f32 = -0.10;
const SAME_DAY: f32 = 0.06;
const COMPATIBLE_BIRTH: f32 = 0.03;
const NEAR_BIRTH: f32 = -0.03;
/// An exact name stays over the threshold even if the birth date contradicts, because lists have errors. A near name does not.
const DIFFERENT_BIRTH: f32 = -0.17;
const SAME_NATIONALITY: f32 = 0.02;
const OTHER_NATIONALITY: f32 = -0.04;
const SAME_GENDER: f32 = 0.01;
const OTHER_GENDER: f32 = -0.10;

/// Computes the score from a name comparison and the facts of both sides.
pub fn score(names: Comparison, name_kind: NameKind, facts: &Facts, entity: &Entity) -> Score {
    let mut parts = vec![Part { what: What::NameAlone, effect: NAME_ALONE }];
    let mut add = |what, effect| parts.push(Part { what, effect });
    let agreed: f32 = names.pairs.iter().map(|Pair { similarity, weight, .. }| similarity * weight).sum();
    add(What::CommonName, COMMON_NAME * (-agreed).exp());
    if name_kind == NameKind::WeakAlias {
        add(What::WeakAlias, WEAK_ALIAS);
    }
    if facts.kind.is_some_and(|kind| (kind == Kind::Person) != (entity.kind == Kind::Person)) {
        add(What::OtherKind, OTHER_KIND);
    }
    if let Some(agreement) = facts.birth.and_then(|birth| best_agreement(&birth, &entity.births)) {
        let effect = match agreement {
            Agreement::SameDay => SAME_DAY,
            Agreement::Compatible => COMPATIBLE_BIRTH,
            Agreement::Near => NEAR_BIRTH,
            Agreement::Different => DIFFERENT_BIRTH,
        };
        add(What::Birth(agreement), effect);
    }
    if !facts.nationalities.is_empty() && !entity.nationalities.is_empty() {
        let shared = facts.nationalities.iter().any(|country| entity.nationalities.contains(country));
        add(What::Nationality(shared), if shared { SAME_NATIONALITY } else { OTHER_NATIONALITY });
    }
    if let (Some(a), Some(b)) = (facts.gender, entity.gender) {
        add(What::Gender(a == b), if a == b { SAME_GENDER } else { OTHER_GENDER });
    }
    let factor: f32 = parts.iter().map(|part| part.effect).sum();
    Score { score: (names.score * factor).clamp(0.0, 1.0), names, parts }
}

fn best_agreement(birth: &BirthDate, births: &[BirthDate]) -> Option<Agreement> {
    let rank = |agreement: &Agreement| match agreement {
        Agreement::SameDay => 0,
        Agreement::Compatible => 1,
        Agreement::Near => 2,
        Agreement::Different => 3,
    };
    births.iter().map(|other| birth.agreement(other)).min_by_key(rank)
}
