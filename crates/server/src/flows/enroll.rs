//! Store a person's face: make an enrollment, or add pictures to one.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{Facts, FactsUpdate, NewEnrollment};
use vultus_store::{Id, Kind, collections, enrollments, jobs};
use vultus_vision::{Calibration, DetectSize, Dominant, Embedding, Quality, dominant};

use super::duplicates::{self, NotSearched, Similar};
use super::{Outcome, Picture, SkipReason, Skipped};
use crate::app::{self, App};
use crate::clock;
use crate::error::Error;
use crate::pools::Engine;

/// What the pictures belong to.
#[derive(Debug, Clone)]
pub enum Target {
    /// A new enrollment, which may join a collection at once.
    New {
        /// Name and the like.
        facts: Facts,
        /// Collection to join.
        collection: Option<Id>,
    },
    /// An enrollment that is there, and what changes of its name and the like.
    Existing(Id, FactsUpdate),
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
    /// Members of the collection to join who look like the same person, most similar first; or why nobody was searched.
    pub similar: Result<Vec<Similar>, NotSearched>,
}

/// A picture's dominant face.
struct Usable {
    embedding: Embedding,
    quality: Quality,
    picture: Bytes,
}

/// What came of looking at the pictures.
struct Assessed {
    usable: Vec<Usable>,
    skipped: Vec<Skipped>,
    model: String,
    calibration: Calibration,
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
            collections::state(&app.db, account, *collection).await?;
        }
        Target::New { collection: None, .. } => {}
        Target::Existing(enrollment, _) => drop(enrollments::by_id(&app.db, account, *enrollment).await?),
    }
    // Dropped with this future: pictures that nobody waits for any more need not be looked at.
    let request = Arc::new(());
    let waiting = Arc::downgrade(&request);
    let Assessed { usable, skipped, model, calibration } =
        app.engines.run(move |engine| assess(engine, pictures, &waiting)).await??;
    drop(request);
    if usable.is_empty() {
        return Ok(Outcome::NoFace(skipped));
    }
    let (added, max) = (usable.len(), app.config.matching.max_embeddings);
    if matches!(target, Target::New { .. }) && added > max as usize {
        let too_many = vultus_store::Error::TooManyEmbeddings { limit: max, stored: 0, added: added as u32 };
        return Err(too_many.into());
    }
    let (mut rows, mut pictures) = (Vec::with_capacity(added), Vec::with_capacity(added));
    for face in usable {
        rows.push(row(&model, &face)?);
        pictures.push(face.picture);
    }
    let similar = match &target {
        Target::New { collection: Some(collection), .. } => {
            duplicates::find(app, account, *collection, &rows, &calibration).await
        }
        _ => Ok(Vec::new()),
    };
    if app.config.images.keep_images {
        keep(app, account, &mut rows, pictures).await?;
    }
    let id = store(app, account, target, rows).await?;
    Ok(Outcome::Done(Enrolled { id, added, skipped, similar }))
}

/// Embeds the usable faces and tells why others are not, for as long as the request is `waiting`.
fn assess(engine: &mut Engine, pictures: Vec<Picture>, waiting: &Weak<()>) -> Result<Assessed, Error> {
    let (mut usable, mut skipped) = (Vec::new(), Vec::new());
    for picture in pictures.into_iter().take_while(|_| waiting.strong_count() > 0) {
        match embed_dominant(engine, &picture)? {
            Ok((embedding, quality)) => usable.push(Usable { embedding, quality, picture: picture.bytes }),
            Err(reason) => skipped.push(Skipped { field: picture.field, reason }),
        }
    }
    let (model, calibration) = (engine.recognition_model().to_owned(), engine.calibration().clone());
    Ok(Assessed { usable, skipped, model, calibration })
}

/// Embeds the dominant face of a picture, or tells why it is of no use; within a job of the inference threads.
///
/// # Errors
/// What [`Picture::decode`] and the engine give.
pub fn embed_dominant(
    engine: &mut Engine,
    picture: &Picture,
) -> Result<Result<(Embedding, Quality), SkipReason>, Error> {
    let image = picture.decode(engine)?;
    let faces = engine.detect(&image, DetectSize::Standard)?;
    let embedded = match dominant(&faces) {
        Dominant::One(face) => {
            let landmarks = engine.landmarks(&image, face)?;
            let embedding = engine.embed(&image, face, &landmarks)?;
            Ok((embedding, engine.quality(&image, face, &landmarks)))
        }
        Dominant::None => Err(SkipReason::NoFace),
        Dominant::Ambiguous => Err(SkipReason::SeveralFaces),
    };
    engine.recycle(image);
    Ok(embedded)
}

/// Makes the row of a face.
fn row(model: &str, face: &Usable) -> Result<NewEmbedding, Error> {
    let Quality { sharpness, brightness, face_size_px, yaw_deg, pitch_deg, roll_deg } = face.quality;
    let quality = serde_json::json!({
        "sharpness": sharpness, "brightness": brightness, "face_size_px": face_size_px,
        "yaw_deg": yaw_deg, "pitch_deg": pitch_deg, "roll_deg": roll_deg,
    });
    Ok(NewEmbedding {
        id: app::new_id(Kind::Embedding)?,
        model: model.to_owned(),
        vector: face.embedding.as_slice().to_vec(),
        quality: Some(quality.to_string()),
        image_key: None,
    })
}

/// Keeps the pictures of the rows.
async fn keep(app: &App, account: Id, rows: &mut [NewEmbedding], pictures: Vec<Bytes>) -> Result<(), Error> {
    // If the rows are not stored in the end, for whatever reason, the pictures go when this request no longer runs.
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let longest = app.config.http.request_timeout + Duration::from_mins(1);
    let mut tx = app.db.write(account).await?;
    jobs::remove_images_at(&mut tx, account, &ids, clock::now_us() + longest.as_micros() as i64).await?;
    tx.commit().await?;
    for (row, picture) in rows.iter_mut().zip(pictures) {
        row.image_key = Some(app.blobs.put(account, row.id, picture).await?);
    }
    Ok(())
}

async fn store(app: &App, account: Id, target: Target, rows: Vec<NewEmbedding>) -> Result<Id, Error> {
    let now = clock::now_us();
    let mut tx = app.db.write(account).await?;
    let id = match target {
        Target::New { facts, collection } => {
            let id = app::new_id(Kind::Enrollment)?;
            let new = NewEnrollment { id, facts, collection_id: collection, embeddings: rows };
            enrollments::insert(&mut tx, account, &new, now).await?;
            id
        }
        Target::Existing(id, facts) => {
            let max = app.config.matching.max_embeddings;
            enrollments::extend(&mut tx, account, id, &rows, &facts, max, now).await?;
            id
        }
    };
    tx.commit().await?;
    Ok(id)
}
