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

/// All faces, largest first.
///
/// # Errors
/// [`Error::BadImage`], [`Error::Engine`] or [`Error::Vision`].
pub async fn run(app: &App, picture: Picture, size: DetectSize) -> Result<Vec<Found>, Error> {
    let found = app.engines.run(move |engine| {
        let image = picture.decode(engine)?;
        let faces = engine.detect(&image, size)?;
        let mut found = Vec::with_capacity(faces.len());
        for face in faces {
            let landmarks = engine.landmarks(&image, &face)?;
            let quality = engine.quality(&image, &face, &landmarks);
            found.push(Found { face, landmarks, quality });
        }
        engine.recycle(image);
        Ok(found)
    });
    found.await?
}
