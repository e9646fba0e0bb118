//! Compare a face with an enrollment: is this the person?

use vultus_store::{Id, embeddings};

use super::probe::{self, Probe};
use super::{Outcome, Picture};
use crate::app::App;
use crate::error::Error;

/// How alike the probe and the enrollment are.
#[derive(Debug)]
pub struct Comparison {
    /// Raw cosines to the embeddings of the enrollment, in the order of insertion, of the probe's best face.
    pub cosines: Vec<f32>,
    /// Served scores in the same order, 0 to 1.
    pub scores: Vec<f32>,
    /// Threshold in force.
    pub threshold: f64,
    /// How many faces the probe has.
    pub faces: usize,
    /// Embeddings of the enrollment that another model made, and that were left out.
    pub outdated: usize,
}

/// Compares every face of the picture with every embedding of the enrollment; the best face decides.
///
/// # Errors
/// [`Error::Store`] for an unknown enrollment, [`Error::OtherModel`], and those of the probe.
pub async fn run(
    app: &App,
    account: Id,
    enrollment: Id,
    picture: Picture,
    threshold: Option<f64>,
) -> Result<Outcome<Comparison>, Error> {
    let stored = embeddings::list(&app.db, account, enrollment).await?;
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
    let cosines = best_face(&probe, &comparable);
    Ok(Outcome::Done(Comparison {
        scores: cosines.iter().map(|cosine| probe.calibration.score(*cosine)).collect(),
        cosines,
        threshold: threshold.unwrap_or(app.config.matching.match_threshold),
        faces: probe.count,
        outdated: stored.len() - comparable.len(),
    }))
}

/// The cosines of the face that is most like any of the stored embeddings.
fn best_face(probe: &Probe, stored: &[&[f32]]) -> Vec<f32> {
    let cosines = probe.embeddings.iter().map(|face| stored.iter().map(|row| cosine(face.as_slice(), row)).collect());
    cosines.max_by(|a: &Vec<f32>, b| maximum(a).total_cmp(&maximum(b))).unwrap_or_default()
}

fn maximum(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Of two vectors of unit length.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
}
