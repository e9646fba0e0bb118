//! Judge whether the face of a picture is a live one or a picture of a picture.

use vultus_store::snapshots::{self, NewSnapshot};
use vultus_store::{Id, Kind};
use vultus_vision::DetectSize;

use super::{Outcome, Picture, SkipReason, Skipped};
use crate::app::{self, App};
use crate::auth::principal::Principal;
use crate::clock;
use crate::error::Error;

/// The judgement about the largest face.
#[derive(Debug, Clone, Copy)]
pub struct Judgement {
    /// Whether the face counts as live.
    pub real: bool,
    /// Probability of a live face, 0 to 1.
    pub liveness: f32,
    /// Threshold in force.
    pub threshold: f64,
    /// How many faces the picture has.
    pub faces: usize,
    /// Id of the stored snapshot.
    pub snapshot: Id,
}

impl Judgement {
    /// The class on the wire.
    pub const fn class(&self) -> &'static str {
        if self.real { "real" } else { "fake" }
    }

    /// Confidence of that class, 0 to 1.
    pub fn score(&self) -> f64 {
        let liveness = f64::from(self.liveness);
        if self.real { liveness } else { 1.0 - liveness }
    }
}

/// Judges the largest face and stores the judgement as a snapshot. The picture is not kept.
///
/// # Errors
/// [`Error::BadImage`], [`Error::Engine`], [`Error::Vision`] or [`Error::Store`].
pub async fn run(app: &App, caller: &Principal, picture: Picture) -> Result<Outcome<Judgement>, Error> {
    let (field, origin) = (picture.field.clone(), picture.origin.clone());
    let judged = app.engines.run(&origin, move |engine| {
        let image = picture.decode(engine)?;
        let faces = engine.detect(&image, DetectSize::Standard)?;
        let judged = match faces.first() {
            Some(face) => Some((engine.liveness(&image, face)?.real, faces.len())),
            None => None,
        };
        engine.recycle(image);
        Ok::<_, Error>(judged)
    });
    let Some((liveness, faces)) = judged.await?? else {
        return Ok(Outcome::NoFace(vec![Skipped { field, reason: SkipReason::NoFace }]));
    };
    let threshold = caller.settings.spoof_threshold.unwrap_or(app.config.matching.spoof_threshold);
    let real = f64::from(liveness) >= threshold;
    let judgement = Judgement { real, liveness, threshold, faces, snapshot: app::new_id(Kind::Snapshot)? };
    let row = NewSnapshot { id: judgement.snapshot, class: judgement.class(), score: judgement.score() };
    let mut tx = caller.write(&app.db).await?;
    snapshots::insert(&mut tx, caller.account, &row, clock::now_us()).await?;
    tx.commit().await?;
    Ok(Outcome::Done(judgement))
}
