//! Keep that a probe was not somebody.

use vultus_store::rejections::{self, NewRejection};
use vultus_store::{Id, Kind, collections, enrollments};

use super::{Outcome, Picture, SkipReason, Skipped, probe};
use crate::app::{self, App};
use crate::auth::principal::Principal;
use crate::clock;
use crate::error::Error;

/// Embeds the picture's dominant face and keeps the embedding as one that is not of this person. Gives the id of what is kept.
///
/// # Errors
/// [`Error::Store`] for an unknown collection or enrollment, and those of the probe.
pub async fn run(
    app: &App,
    caller: &Principal,
    collection: Id,
    enrollment: Id,
    picture: Picture,
) -> Result<Outcome<Id>, Error> {
    let account = caller.account;
    collections::state(&app.db, account, collection).await?;
    enrollments::by_id(&app.db, account, enrollment).await?;
    let field = picture.field.clone();
    let probe = match probe::run(app, picture).await? {
        Outcome::Done(probe) if probe.has_dominant => probe,
        Outcome::Done(_) => {
            return Ok(Outcome::NoFace(vec![Skipped { field, reason: SkipReason::SeveralFaces }]));
        }
        Outcome::NoFace(skipped) => return Ok(Outcome::NoFace(skipped)),
    };
    let new = NewRejection {
        id: app::new_id(Kind::Rejection)?,
        collection_id: collection,
        enrollment_id: enrollment,
        model: &probe.model,
        vector: probe.embeddings[0].as_slice(),
    };
    let mut tx = caller.write(&app.db).await?;
    rejections::insert(&mut tx, account, &new, app.config.matching.max_rejections, clock::now_us()).await?;
    tx.commit().await?;
    Ok(Outcome::Done(new.id))
}
