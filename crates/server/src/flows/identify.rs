//! Search a face in a collection: who is this?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vultus_gallery::{ImpostorTail, SHORTLIST, Scored};
use vultus_store::collections::{self, MemberReader};
use vultus_store::enrollments::Facts;
use vultus_store::{Id, Kind};
use vultus_vision::Face;

use super::probe::{self, Probe};
use super::{Outcome, Picture};
use crate::app::App;
use crate::auth::principal::Principal;
use crate::error::Error;
use crate::search::classifiers::PersonClassifier;
use crate::search::{Hit, Space};

/// Highest confidence that somebody is named with: the thousand samples that a fit looks at do not support more.
const SUREST: f32 = 0.9999;

/// When somebody is named, and how much is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// Least confidence of a person who is named, 0 to 1.
    pub threshold: Option<f64>,
    /// Rate at which a stranger may be named; the cosine has to be above what that allows in a collection of this size.
    pub fmr: Option<f64>,
    /// Most candidates to show.
    pub limit: usize,
}

/// Who the probe shows.
#[derive(Debug)]
pub struct Identification {
    /// One for each face, largest first; the first one decides.
    pub faces: Vec<IdentifiedFace>,
    /// What the tenant says of the candidates of the first face, and of those who are named.
    pub people: HashMap<Id, Facts>,
    /// Least confidence of a person who is named; none where the unknown people are a class of their own and nothing was
    /// asked for.
    pub threshold: Option<f64>,
    /// Least cosine of a person who is named, if a rate was asked for.
    pub min_cosine: Option<f32>,
    /// Embeddings of the collection that another model made, and that the classifier has left out.
    pub outdated: u64,
}

/// Who a face is.
#[derive(Debug)]
pub struct IdentifiedFace {
    /// Where it is.
    pub face: Face,
    /// The most probable people, best first; empty for an empty collection.
    pub candidates: Vec<Candidate>,
    /// The position of the person among them, unless it is nobody known.
    pub known: Option<usize>,
    /// Probability that the answer is right, 0 to 1.
    pub confidence: f32,
}

/// A member of the collection.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// The enrollment.
    pub id: Id,
    /// Probability that it is this person, 0 to 1.
    pub confidence: f32,
    /// Served score of the most similar embedding, 0 to 1.
    pub score: f32,
    /// Its raw cosine.
    pub cosine: f32,
}

impl IdentifiedFace {
    /// The person, unless it is nobody known.
    pub fn person(&self) -> Option<&Candidate> {
        self.known.map(|at| &self.candidates[at])
    }
}

/// Searches every face of the picture in the collection.
///
/// # Errors
/// [`Error::Store`] for an unknown collection, [`Error::OtherModel`], and those of the probe.
pub async fn run(
    app: &App,
    caller: &Principal,
    collection: Id,
    picture: Picture,
    terms: Terms,
) -> Result<Outcome<Identification>, Error> {
    let account = caller.account;
    collections::state(&app.db, account, collection).await?;
    let probe = match probe::run(app, picture).await? {
        Outcome::Done(probe) => probe,
        Outcome::NoFace(skipped) => return Ok(Outcome::NoFace(skipped)),
    };
    // Looked up after the inference, so that the answer is as new as can be.
    let state = collections::state(&app.db, account, collection).await?;
    let (model, dimension) = (probe.model.as_str(), probe.embeddings[0].as_slice().len());
    let space = Space { account, collection, state: &state, model, dimension };
    let probes = probe.embeddings.iter().map(|face| face.as_slice().to_vec()).collect();
    let hits = app.vectors.search(space, probes, terms.limit.max(SHORTLIST)).await?;
    if state.members > 0 && hits.iter().all(Vec::is_empty) {
        return Err(Error::OtherModel { current: probe.model });
    }
    let classifier = app.classifiers.current(&app.db, &space).await?;
    // One moment for all that is read: a person who is a candidate has a name.
    let mut members = MemberReader::open(&app.db, account, collection).await?;
    let scored = score(&mut members, &probe, &hits, &classifier).await?;
    let judge = |(at, scored)| judge(&probe, at, scored, &classifier, state.members as usize, terms.limit);
    let mut faces: Vec<Judged> = scored.into_iter().enumerate().map(judge).collect();
    let default = caller.settings.identify_threshold.unwrap_or(app.config.matching.identify_threshold);
    let rule = Rule::new(&terms, state.unknowns, state.members as usize, default);
    name(&mut faces, &rule);
    let faces: Vec<IdentifiedFace> = faces.into_iter().map(|judged| judged.face).collect();
    let people = members.facts(&shown(&faces)).await?.into_iter().collect();
    let outdated = state.fit.as_ref().map_or(0, |fit| fit.outdated);
    Ok(Outcome::Done(Identification {
        faces,
        people,
        threshold: rule.threshold,
        min_cosine: rule.min_cosine,
        outdated,
    }))
}

/// How alike the people whom the search found are to each face, as the store has them now: those who were removed meanwhile
/// are left out. Holds the embeddings of a few people at a time.
async fn score(
    members: &mut MemberReader,
    probe: &Probe,
    hits: &[Vec<Hit>],
    classifier: &PersonClassifier,
) -> Result<Vec<Vec<Scored<u128>>>, Error> {
    let mut faces_of: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
    for (at, hits) in hits.iter().enumerate() {
        hits.iter().for_each(|hit| faces_of.entry(hit.enrollment).or_default().push(at));
    }
    let ids: Vec<Id> = faces_of.keys().copied().collect();
    let mut scored = vec![Vec::new(); hits.len()];
    for ids in ids.chunks(SHORTLIST) {
        for member in members.embeddings(&probe.model, ids).await? {
            let dimension = probe.embeddings[0].as_slice().len();
            let embeddings = member.embeddings.iter().map(|(_, vector)| vector.as_slice());
            let embeddings: Vec<&[f32]> = embeddings.filter(|vector| vector.len() == dimension).collect();
            let faces = &faces_of[&member.id];
            let probes: Vec<&[f32]> = faces.iter().map(|at| probe.embeddings[*at].as_slice()).collect();
            for (at, one) in faces.iter().zip(classifier.score(&member.id.number(), &embeddings, &probes)) {
                scored[*at].push(one);
            }
        }
    }
    Ok(scored)
}

/// The people who are shown: the candidates of the face that decides, and those who are named.
fn shown(faces: &[IdentifiedFace]) -> Vec<Id> {
    let candidates = faces.first().into_iter().flat_map(|face| &face.candidates);
    let named = faces.iter().filter_map(IdentifiedFace::person);
    let ids: BTreeSet<Id> = candidates.chain(named).map(|person| person.id).collect();
    ids.into_iter().collect()
}

/// A face with the probability that it is nobody of the collection.
struct Judged {
    face: IdentifiedFace,
    unknown: f32,
}

fn judge(
    probe: &Probe,
    at: usize,
    scored: Vec<Scored<u128>>,
    classifier: &PersonClassifier,
    population: usize,
    limit: usize,
) -> Judged {
    let judged = classifier.identify(scored, population, limit);
    let candidates = judged.candidates.iter().map(|found| Candidate {
        id: Id::from_number(Kind::Enrollment, found.subject),
        confidence: found.probability.min(SUREST),
        score: probe.calibration.score(found.cosine),
        cosine: found.cosine,
    });
    let face = IdentifiedFace {
        face: probe.faces[at].clone(),
        candidates: candidates.collect(),
        known: None,
        confidence: judged.unknown,
    };
    Judged { face, unknown: judged.unknown }
}

/// When a candidate is named.
struct Rule {
    threshold: Option<f64>,
    min_cosine: Option<f32>,
}

impl Rule {
    /// Where the collection has a class for unknown people, the most probable class is the answer, unless the request asks
    /// for more; otherwise the confidence has to reach what is asked for or configured.
    fn new(terms: &Terms, unknowns: bool, population: usize, usual: f64) -> Self {
        let by_class = unknowns || terms.fmr.is_some();
        Self {
            threshold: terms.threshold.or((!by_class).then_some(usual)),
            min_cosine: terms.fmr.map(|rate| ImpostorTail::default().threshold(rate, population)),
        }
    }

    fn admits(&self, candidate: &Candidate, unknown: f32) -> bool {
        let confident = match (self.threshold, self.min_cosine) {
            (Some(threshold), _) => f64::from(candidate.confidence) >= threshold,
            // The rate alone decides.
            (None, Some(_)) => true,
            (None, None) => candidate.confidence >= unknown,
        };
        confident && self.min_cosine.is_none_or(|least| candidate.cosine >= least)
    }
}

/// Gives each face its person, the surest face first, and no person twice: nobody is in a picture at two places.
fn name(faces: &mut [Judged], rule: &Rule) {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (at, judged) in faces.iter().enumerate() {
        let admitted = judged.face.candidates.iter().enumerate();
        pairs.extend(admitted.filter(|(_, one)| rule.admits(one, judged.unknown)).map(|(rank, _)| (at, rank)));
    }
    let confidence = |&(at, rank): &(usize, usize)| faces[at].face.candidates[rank].confidence;
    pairs.sort_by(|a, b| confidence(b).total_cmp(&confidence(a)));
    let mut taken: Vec<Id> = Vec::new();
    for (at, rank) in pairs {
        let face = &mut faces[at].face;
        let person = &face.candidates[rank];
        if face.known.is_none() && !taken.contains(&person.id) {
            taken.push(person.id);
            (face.known, face.confidence) = (Some(rank), person.confidence);
        }
    }
    for Judged { face, unknown } in faces.iter_mut().filter(|judged| judged.face.known.is_none()) {
        // "Unknown" is right where it is nobody of the collection, and where it would be somebody who stands elsewhere.
        let elsewhere = face.candidates.iter().filter(|one| taken.contains(&one.id)).map(|one| one.confidence);
        face.confidence = (*unknown + elsewhere.sum::<f32>()).min(1.0);
    }
}
