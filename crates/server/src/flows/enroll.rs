//! Store a person's face: make an enrollment, or add pictures to one.

use bytes::Bytes;
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::NewEnrollment;
use vultus_store::{Id, Kind, collections, embeddings, enrollments};
use vultus_vision::{DetectSize, Dominant, Embedding, Engine, Quality, dominant};

use super::{Outcome, Picture, SkipReason, Skipped};
use crate::app::{self, App};
use crate::clock;
use crate::error::Error;

/// What the pictures belong to.
#[derive(Debug, Clone)]
pub enum Target {
    /// A new enrollment, which may join a collection at once.
    New {
        /// Name of the person; may be empty.
        name: String,
        /// Collection to join.
        collection: Option<Id>,
    },
    /// An enrollment that is there.
    Existing(Id),
}

/// What was stored.
#[derive(Debug)]
pub struct Enrolled {
    /// The enrollment.
    pub id: Id,
    /// How many embeddings were added.
    pub added: usize,
    /// The pictures that were left out.
    pub skipped: Vec<Skipped>,
}

/// A picture's dominant face.
struct Usable {
    embedding: Embedding,
    quality: Quality,
    picture: Bytes,
}

/// Embeds the dominant face of each picture and stores the embeddings. Pictures without one are left out; when none is
/// left, nothing is stored.
///
/// # Errors
/// [`Error::Store`] for an unknown enrollment or collection, and what [`Picture::decode`] and the engine give.
pub async fn run(app: &App, account: Id, target: Target, pictures: Vec<Picture>) -> Result<Outcome<Enrolled>, Error> {
    // Before any inference; the store checks again when it writes.
    match &target {
        Target::New { collection: Some(collection), .. } => {
            collections::version(&app.db, account, *collection).await?;
        }
        Target::New { collection: None, .. } => {}
        Target::Existing(enrollment) => drop(enrollments::by_id(&app.db, account, *enrollment).await?),
    }
    let (usable, skipped, model) = app.engines.run(move |engine| assess(engine, pictures)).await??;
    if usable.is_empty() {
        return Ok(Outcome::NoFace(skipped));
    }
    let added = usable.len();
    let mut rows = Vec::with_capacity(added);
    for face in usable {
        rows.push(row(app, account, &model, face).await?);
    }
    let images: Vec<String> = rows.iter().filter_map(|row| row.image_key.clone()).collect();
    match store(app, account, target, rows).await {
        Ok(id) => Ok(Outcome::Done(Enrolled { id, added, skipped })),
        Err(error) => {
            app.blobs.remove(&images).await?;
            Err(error)
        }
    }
}

/// Embeds the usable faces and tells why others are not.
fn assess(engine: &mut Engine, pictures: Vec<Picture>) -> Result<(Vec<Usable>, Vec<Skipped>, String), Error> {
    let (mut usable, mut skipped) = (Vec::new(), Vec::new());
    for picture in pictures {
        let image = picture.decode(engine)?;
        let faces = engine.detect(&image, DetectSize::Standard)?;
        let reason = match dominant(&faces) {
            Dominant::One(face) => {
                let landmarks = engine.landmarks(&image, face)?;
                let embedding = engine.embed(&image, face, &landmarks)?;
                let quality = engine.quality(&image, face, &landmarks);
                usable.push(Usable { embedding, quality, picture: picture.bytes });
                None
            }
            Dominant::None => Some(SkipReason::NoFace),
            Dominant::Ambiguous => Some(SkipReason::SeveralFaces),
        };
        skipped.extend(reason.map(|reason| Skipped { field: picture.field, reason }));
        engine.recycle(image);
    }
    Ok((usable, skipped, engine.recognition_model().to_owned()))
}

/// Keeps the picture if pictures are kept, and makes the row.
async fn row(app: &App, account: Id, model: &str, face: Usable) -> Result<NewEmbedding, Error> {
    let id = app::new_id(Kind::Embedding)?;
    let Quality { sharpness, brightness, face_size_px, yaw_deg, pitch_deg, roll_deg } = face.quality;
    let quality = serde_json::json!({
        "sharpness": sharpness, "brightness": brightness, "face_size_px": face_size_px,
        "yaw_deg": yaw_deg, "pitch_deg": pitch_deg, "roll_deg": roll_deg,
    });
    let image_key =
        if app.config.images.keep_images { Some(app.blobs.put(account, id, face.picture).await?) } else { None };
    Ok(NewEmbedding {
        id,
        model: model.to_owned(),
        vector: face.embedding.as_slice().to_vec(),
        quality: Some(quality.to_string()),
        image_key,
    })
}

async fn store(app: &App, account: Id, target: Target, rows: Vec<NewEmbedding>) -> Result<Id, Error> {
    let now = clock::now_us();
    match target {
        Target::New { name, collection } => {
            let id = app::new_id(Kind::Enrollment)?;
            let new = NewEnrollment { id, name, collection_id: collection, embeddings: rows };
            enrollments::insert(&app.db, account, &new, now).await?;
            Ok(id)
        }
        Target::Existing(id) => {
            embeddings::append(&app.db, account, id, &rows, app.config.matching.max_embeddings, now).await?;
            Ok(id)
        }
    }
}
