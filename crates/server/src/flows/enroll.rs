//! Store a person's face: make an enrollment, or add pictures to one.

use std::time::Duration;

use vultus_store::blobs::{self, Key};
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{Facts, FactsUpdate, NewEnrollment};
use vultus_store::{Id, Kind, collections, enrollments, legacy_ids};
use vultus_vision::{Calibration, DetectSize, Dominant, Embedding, Quality, dominant};

use super::duplicates::{self, NotSearched, Similar};
use super::{Outcome, Picture, SkipReason, Skipped};
use crate::app::{self, App};
use crate::auth::principal::Principal;
use crate::clock::{self, micros};
use crate::config::of_days;
use crate::error::Error;
use crate::origin::Origin;
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
    picture: Picture,
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
pub async fn run(
    app: &App,
    caller: &Principal,
    target: Target,
    pictures: Vec<Picture>,
) -> Result<Outcome<Enrolled>, Error> {
    let account = caller.account;
    let Some(Picture { origin, .. }) = pictures.first() else { return Ok(Outcome::NoFace(Vec::new())) };
    let origin = origin.clone();
    check_target(app, account, &target, pictures.len()).await?;
    let Assessed { usable, skipped, model, calibration } = assess(app, &origin, pictures).await?;
    if usable.is_empty() {
        return Ok(Outcome::NoFace(skipped));
    }
    let added = usable.len();
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
    let wanted = caller.settings.keep_images.unwrap_or(app.config.images.keep_images);
    let images = if wanted { keep(app, account, &rows, pictures).await? } else { Vec::new() };
    origin.presence.check()?;
    let id = store(app, caller, target, rows, &images).await?;
    Ok(Outcome::Done(Enrolled { id, added, skipped, similar }))
}

/// Fails if there is no such enrollment or collection, no room for so many embeddings, or if somebody else has the legacy id. This is before any inference; the
/// store checks again when it writes.
async fn check_target(app: &App, account: Id, target: &Target, pictures: usize) -> Result<(), Error> {
    let stored = match target {
        Target::New { collection: Some(collection), .. } => {
            collections::state(&app.db, account, *collection).await?;
            0
        }
        Target::New { collection: None, .. } => 0,
        Target::Existing(enrollment, _) => enrollments::by_id(&app.db, account, *enrollment).await?.embeddings.len(),
    };
    let (stored, added, limit) = (stored as u32, pictures as u32, app.config.matching.max_embeddings);
    if stored.saturating_add(added) > limit {
        return Err(vultus_store::Error::TooManyEmbeddings { limit, stored, added }.into());
    }
    let (id, legacy_id) = match target {
        Target::New { facts, .. } => (None, &facts.legacy_id),
        Target::Existing(id, facts) => (Some(*id), &facts.legacy_id),
    };
    let Some(legacy_id) = legacy_id else { return Ok(()) };
    match legacy_ids::find(&app.db, account, Kind::Enrollment, legacy_id).await? {
        Some(holder) if Some(holder) != id => Err(vultus_store::Error::LegacyIdTaken { kind: Kind::Enrollment }.into()),
        _ => Ok(()),
    }
}

/// Embeds the usable faces and gives the reasons for which others are not. Each picture is a job of its own, so that other
/// requests are not kept waiting by one with many pictures.
async fn assess(app: &App, origin: &Origin, pictures: Vec<Picture>) -> Result<Assessed, Error> {
    let place = app.engines.enter(origin)?;
    let (mut usable, mut skipped) = (Vec::new(), Vec::new());
    for picture in pictures {
        let looked_at = place.run(move |engine| (embed_dominant(engine, &picture), picture));
        let (embedded, picture) = looked_at.await?;
        match embedded? {
            Ok((embedding, quality)) => usable.push(Usable { embedding, quality, picture }),
            Err(reason) => skipped.push(Skipped { field: picture.field, reason }),
        }
    }
    let of_model = |engine: &mut Engine| (engine.recognition_model().to_owned(), engine.calibration().clone());
    let (model, calibration) = place.run(of_model).await?;
    Ok(Assessed { usable, skipped, model, calibration })
}

/// Embeds the dominant face of a picture, or gives the reason why it is of no use; within a job of the inference threads.
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
    })
}

/// Keeps the pictures of the rows. Gives the keys under which they are.
async fn keep(app: &App, account: Id, rows: &[NewEmbedding], pictures: Vec<Picture>) -> Result<Vec<Key>, Error> {
    // If the rows are not stored in the end, for whatever reason, the pictures go when this request no longer runs.
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    let longest = app.config.http.request_timeout + Duration::from_mins(1);
    let mut tx = app.db.write(account).await?;
    let until = clock::now_us() + micros(longest);
    blobs::reserve(&mut tx, account, blobs::Kind::Image, &ids, until).await?;
    tx.commit().await?;
    let keys: Vec<Key> = ids.into_iter().map(|id| Key { account, kind: blobs::Kind::Image, id }).collect();
    for (key, picture) in keys.iter().zip(pictures) {
        app.blobs.put(*key, picture.bytes.clone()).await?;
    }
    Ok(keys)
}

async fn store(
    app: &App,
    caller: &Principal,
    target: Target,
    rows: Vec<NewEmbedding>,
    images: &[Key],
) -> Result<Id, Error> {
    let (account, now) = (caller.account, clock::now_us());
    let days = caller.settings.image_days.or(app.config.retention.image_days);
    let expires = days.map(|days| now + micros(of_days(days)));
    let mut tx = caller.write(&app.db).await?;
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
    for key in images {
        blobs::insert(&mut tx, *key, expires, now).await?;
    }
    tx.commit().await?;
    Ok(id)
}
