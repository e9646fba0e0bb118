//! Find all faces of a picture.

use vultus_vision::{DetectSize, Face, Landmarks, Quality};

use super::Picture;
use crate::app::App;
use crate::error::Error;

/// A face with what is known about it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Box, confidence and five points.
    pub face: Face,
    /// The 68 landmarks.
    pub landmarks: Landmarks,
    /// How well it can be recognised.
    pub quality: Quality,
}

/// The faces of a picture.
#[derive(Debug)]
pub struct Faces {
    /// The largest ones, largest first; at most as many as the server answers.
    pub kept: Vec<Found>,
    /// How many there are.
    pub count: usize,
}

/// Finds all faces, and looks at the largest ones.
///
/// # Errors
/// [`Error::BadImage`], [`Error::Engine`] or [`Error::Vision`].
pub async fn run(app: &App, picture: Picture, size: DetectSize) -> Result<Faces, Error> {
    let max = app.config.vision.max_faces as usize;
    let origin = picture.origin.clone();
    let found = app.engines.run(&origin, move |engine| {
        let image = picture.decode(engine)?;
        let mut faces = engine.detect(&image, size)?;
        let count = faces.len();
        faces.truncate(max);
        let mut kept = Vec::with_capacity(faces.len());
        for face in faces {
            picture.origin.presence.check()?;
            let landmarks = engine.landmarks(&image, &face)?;
            let quality = engine.quality(&image, &face, &landmarks);
            kept.push(Found { face, landmarks, quality });
        }
        engine.recycle(image);
        Ok(Faces { kept, count })
    });
    found.await?
}
