//! Compare a face with an enrollment: is this the person?

use vultus_store::{Id, embeddings};

use super::probe::{self, Probe};
use super::{Outcome, Picture};
use crate::app::App;
use crate::auth::principal::Principal;
use crate::error::Error;

/// How alike the probe and the enrollment are.
#[derive(Debug)]
pub struct Comparison {
    /// One for each face that was compared, largest first; at least one.
    pub faces: Vec<ComparedFace>,
    /// Which of them is most like the person.
    pub best: usize,
    /// Threshold in force.
    pub threshold: f64,
    /// How many faces the probe has, also those that are too many to be compared.
    pub count: usize,
    /// Embeddings of the enrollment that another model made, and that were left out.
    pub outdated: usize,
}

/// How alike one face and the enrollment are.
#[derive(Debug)]
pub struct ComparedFace {
    /// Raw cosines to the embeddings of the enrollment, in the order of insertion.
    pub cosines: Vec<f32>,
    /// Served scores in the same order, 0 to 1.
    pub scores: Vec<f32>,
}

/// Compares every face of the picture with every embedding of the enrollment.
///
/// # Errors
/// [`Error::Store`] for an unknown enrollment, [`Error::OtherModel`], and those of the probe.
pub async fn run(
    app: &App,
    caller: &Principal,
    enrollment: Id,
    picture: Picture,
    threshold: Option<f64>,
) -> Result<Outcome<Comparison>, Error> {
    let stored = embeddings::list(&app.db, caller.account, enrollment).await?;
    let probe = match probe::run(app, picture).await? {
        Outcome::Done(probe) => probe,
        Outcome::NoFace(skipped) => return Ok(Outcome::NoFace(skipped)),
    };
    let dimension = probe.embeddings[0].as_slice().len();
    let comparable = stored.iter().filter(|row| row.model == probe.model && row.vector.len() == dimension);
    let comparable: Vec<&[f32]> = comparable.map(|row| row.vector.as_slice()).collect();
    if comparable.is_empty() {
        return Err(Error::OtherModel { current: probe.model });
    }
    let faces: Vec<_> = probe.embeddings.iter().map(|face| compare(face.as_slice(), &comparable, &probe)).collect();
    let alike = faces.iter().map(|face| maximum(&face.cosines)).enumerate();
    Ok(Outcome::Done(Comparison {
        best: alike.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at),
        faces,
        threshold: threshold.or(caller.settings.match_threshold).unwrap_or(app.config.matching.match_threshold),
        count: probe.count,
        outdated: stored.len() - comparable.len(),
    }))
}

fn compare(face: &[f32], stored: &[&[f32]], probe: &Probe) -> ComparedFace {
    let cosines: Vec<f32> = stored.iter().map(|row| cosine(face, row)).collect();
    ComparedFace { scores: cosines.iter().map(|cosine| probe.calibration.score(*cosine)).collect(), cosines }
}

fn maximum(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Of two vectors of unit length.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
}
