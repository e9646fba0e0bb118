//! The embeddings of the faces of a picture that is to be compared.

use vultus_vision::{Calibration, DetectSize, Dominant, Embedding, Face, dominant};

use super::{Outcome, Picture, SkipReason, Skipped};
use crate::app::App;
use crate::error::Error;

/// Most faces of one probe that are compared, the largest ones: bounds the work that a picture of a crowd causes.
const MAX_FACES: usize = 16;

/// The faces of a picture, ready to be compared.
#[derive(Debug)]
pub struct Probe {
    /// One embedding for each face, largest first; at least one.
    pub embeddings: Vec<Embedding>,
    /// The faces, in the same order.
    pub faces: Vec<Face>,
    /// How many faces the picture has, also those that are too many to be compared.
    pub count: usize,
    /// Whether the first face is clearly the largest.
    pub has_dominant: bool,
    /// The model that made the embeddings.
    pub model: String,
    /// From cosine to served score, for that model.
    pub calibration: Calibration,
}

/// Embeds the faces of a picture.
///
/// # Errors
/// [`Error::BadImage`], [`Error::Engine`] or [`Error::Vision`].
pub async fn run(app: &App, picture: Picture) -> Result<Outcome<Probe>, Error> {
    let (field, origin) = (picture.field.clone(), picture.origin.clone());
    let probe = app.engines.run(&origin, move |engine| {
        let image = picture.decode(engine)?;
        let mut faces = engine.detect(&image, DetectSize::Standard)?;
        let (count, has_dominant) = (faces.len(), matches!(dominant(&faces), Dominant::One(_)));
        faces.truncate(MAX_FACES);
        let mut embeddings = Vec::new();
        for face in &faces {
            picture.origin.presence.check()?;
            let landmarks = engine.landmarks(&image, face)?;
            embeddings.push(engine.embed(&image, face, &landmarks)?);
        }
        engine.recycle(image);
        let (model, calibration) = (engine.recognition_model().to_owned(), engine.calibration().clone());
        Ok::<_, Error>(Probe { embeddings, faces, count, has_dominant, model, calibration })
    });
    let probe = probe.await??;
    Ok(if probe.embeddings.is_empty() {
        Outcome::NoFace(vec![Skipped { field, reason: SkipReason::NoFace }])
    } else {
        Outcome::Done(probe)
    })
}
