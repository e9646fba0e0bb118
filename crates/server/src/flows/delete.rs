//! Delete: the row first, and then what is made of it, which a job or the next start removes if that fails.

use vultus_store::collections::{self, CollectionKey};
use vultus_store::embeddings::{self, Deleted};
use vultus_store::{Id, enrollments};

use crate::app::App;
use crate::auth::principal::Principal;
use crate::clock;
use crate::error::Error;
use crate::search;

/// Deletes an enrollment with its embeddings, memberships and images.
///
/// # Errors
/// [`Error::Store`] for an unknown enrollment.
pub async fn enrollment(app: &App, caller: &Principal, id: Id) -> Result<(), Error> {
    let mut tx = caller.write(&app.db).await?;
    let deleted = enrollments::delete(&mut tx, caller.account, id, clock::now_us()).await?;
    tx.commit().await?;
    remove_faces(app, caller, id, &deleted).await;
    Ok(())
}

/// Deletes one embedding of an enrollment with its image.
///
/// # Errors
/// [`Error::Store`] for an unknown enrollment or embedding, and for the last one.
pub async fn embedding(app: &App, caller: &Principal, enrollment: Id, id: Id) -> Result<(), Error> {
    let mut tx = caller.write(&app.db).await?;
    let deleted = embeddings::delete(&mut tx, caller.account, enrollment, id, clock::now_us()).await?;
    tx.commit().await?;
    remove_faces(app, caller, enrollment, &deleted).await;
    Ok(())
}

/// Deletes a collection. Its members stay enrolled.
///
/// # Errors
/// [`Error::Store`] for an unknown collection.
pub async fn collection(app: &App, caller: &Principal, id: Id) -> Result<(), Error> {
    let mut tx = caller.write(&app.db).await?;
    collections::delete(&mut tx, caller.account, id, clock::now_us()).await?;
    tx.commit().await?;
    app.classifiers.remove_collection(CollectionKey { account: caller.account, collection: id });
    search::settle(app.vectors.remove_collection(caller.account, id)).await;
    Ok(())
}

/// Takes an enrollment out of a collection.
///
/// # Errors
/// [`Error::Store`] for an unknown enrollment or collection.
pub async fn member(app: &App, caller: &Principal, collection: Id, enrollment: Id) -> Result<(), Error> {
    let mut tx = caller.write(&app.db).await?;
    collections::remove_member(&mut tx, caller.account, collection, enrollment, clock::now_us()).await?;
    tx.commit().await?;
    search::settle(app.vectors.remove_person(caller.account, enrollment, &[collection])).await;
    Ok(())
}

/// Removes what was deleted of a person from the vector engine and from the kept images.
async fn remove_faces(app: &App, caller: &Principal, enrollment: Id, deleted: &Deleted) {
    search::settle(app.vectors.remove_person(caller.account, enrollment, &deleted.collections)).await;
    app.blobs.remove_now(&deleted.images).await;
}
