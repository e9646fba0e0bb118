//! Search a face in a collection: who is this?

use vultus_store::Id;

use super::{Outcome, Picture, probe};
use crate::app::App;
use crate::error::Error;

/// How many of the most similar people are told.
const CANDIDATES: usize = 5;

/// Who the probe shows.
#[derive(Debug)]
pub struct Identification {
    /// The most similar people, best first, of the probe's best face; empty for an empty collection.
    pub candidates: Vec<Candidate>,
    /// Threshold in force.
    pub threshold: f64,
    /// How many faces the probe has.
    pub faces: usize,
    /// Embeddings of the collection that another model made, and that were left out.
    pub outdated: usize,
}

/// A member of the collection.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The enrollment.
    pub id: Id,
    /// The person's name; may be empty.
    pub name: String,
    /// Served score of the most similar embedding, 0 to 1.
    pub score: f32,
    /// Its raw cosine.
    pub cosine: f32,
}

impl Identification {
    /// The person, unless nobody is similar enough.
    pub fn known(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|best| f64::from(best.score) >= self.threshold)
    }

    /// Confidence of the answer, 0 to 1: the score of the person, or for "unknown" what the best score lacks.
    pub fn confidence(&self) -> f64 {
        let best = self.candidates.first().map_or(0.0, |best| f64::from(best.score));
        if self.known().is_some() { best } else { 1.0 - best }
    }
}

/// Searches every face of the picture in the collection; the best one decides.
///
/// # Errors
/// [`Error::Store`] for an unknown collection, [`Error::OtherModel`], and those of the probe.
pub async fn run(
    app: &App,
    account: Id,
    collection: Id,
    picture: Picture,
    threshold: Option<f64>,
) -> Result<Outcome<Identification>, Error> {
    vultus_store::collections::version(&app.db, account, collection).await?;
    let probe = match probe::run(app, picture).await? {
        Outcome::Done(probe) => probe,
        Outcome::NoFace(skipped) => return Ok(Outcome::NoFace(skipped)),
    };
    let dimension = probe.embeddings[0].as_slice().len();
    let people = app.galleries.current(&app.db, account, collection, &probe.model, dimension).await?;
    let outdated = people.outdated();
    if people.is_empty() && outdated > 0 {
        return Err(Error::OtherModel { current: probe.model });
    }
    let calibration = probe.calibration;
    let search = move || {
        let searches = probe.embeddings.iter().map(|face| people.search(face.as_slice(), CANDIDATES));
        let best = searches.max_by(|a, b| top(a).total_cmp(&top(b))).unwrap_or_default();
        best.into_iter().map(|(person, cosine)| (person.clone(), cosine)).collect::<Vec<_>>()
    };
    let found = tokio::task::spawn_blocking(search).await.map_err(|_| Error::Panicked)?;
    let candidate = |((id, name), cosine)| Candidate { id, name, score: calibration.score(cosine), cosine };
    Ok(Outcome::Done(Identification {
        candidates: found.into_iter().map(candidate).collect(),
        threshold: threshold.unwrap_or(app.config.matching.identify_threshold),
        faces: probe.faces,
        outdated,
    }))
}

/// The best cosine of a search.
fn top<T>(found: &[(T, f32)]) -> f32 {
    found.first().map_or(f32::NEG_INFINITY, |(_, cosine)| *cosine)
}
