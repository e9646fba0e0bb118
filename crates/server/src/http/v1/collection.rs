//! `collection` and `train`: the sets of people that `identify` searches.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;
use vultus_store::collections::{self, CollectionKey, Filter, NewCollection, Piece};
use vultus_store::{Id, Kind, jobs};

use super::enroll::PageMeta;
use crate::app::{self, App};
use crate::auth::keys::Caller;
use crate::clock;
use crate::error::{Entity, Error};
use crate::http::wire::body::Upload;
use crate::http::wire::envelope::{Envelope, NoMeta};
use crate::http::wire::fields;
use crate::http::wire::listing::{self, Elements};

/// A new collection.
#[derive(ToSchema)]
pub struct CollectionBody {
    /// Its name.
    #[schema(max_length = 200)]
    name: String,
    /// Whether it has a class for unknown people.
    unknowns: Option<bool>,
}

/// A person and the collection to join.
#[derive(ToSchema)]
pub struct CollectionUpdateBody {
    /// Id of the enrollment.
    #[schema(value_type = String)]
    enrollment_id: Id,
    /// Id of the collection.
    #[schema(value_type = String)]
    collection_id: Id,
}

/// Which collection to train.
#[derive(ToSchema)]
pub struct TrainBody {
    /// Id of the collection.
    #[schema(value_type = String)]
    collection_id: Id,
}

/// Which collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionData {
    /// Its id.
    collection_id: String,
}

/// A collection as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionEntry {
    /// Always empty.
    classifier_url: &'static str,
    /// Naive UTC.
    #[schema(example = "2017-08-19T00:13:24.971650")]
    created: String,
    /// Ids of the members, in the order in which they joined.
    enrollments: Vec<String>,
    id: String,
    /// Always empty.
    label_encoder: &'static str,
    name: String,
    /// Id of the account.
    owner: String,
    /// `unknowns` of its making.
    unknown: bool,
    /// Naive UTC.
    #[schema(example = "2017-08-20T00:58:16.616790")]
    updated: String,
}

/// Create a collection.
#[utoipa::path(
    post, path = "/collection", tag = "Collections", operation_id = "createCollection",
    request_body = CollectionBody,
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    upload: Upload,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let body = fields::from_json(upload, |fields| {
        let name = fields
            .name()?
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Error::MissingField { field: "name".into(), expected: "send a name for the collection" })?;
        Ok(CollectionBody { name, unknowns: fields.flag("unknowns")? })
    });
    let CollectionBody { name, unknowns } = body.await?;
    let id = app::new_id(Kind::Collection)?;
    let new = NewCollection { id, name: &name, unknowns: unknowns.unwrap_or(false) };
    let mut tx = app.db.write(caller.account).await?;
    collections::insert(&mut tx, caller.account, &new, clock::now_us()).await?;
    tx.commit().await?;
    Ok(answer("collection created successfully", id))
}

/// Add an enrollment to a collection.
///
/// It can be identified at once. Adding it again changes nothing.
#[utoipa::path(
    put, path = "/collection", tag = "Collections", operation_id = "updateCollection",
    request_body = CollectionUpdateBody,
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    upload: Upload,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let body = fields::from_json(upload, |fields| {
        let collection_id = fields.required_id(&["collection_id"], Entity::Collection)?;
        let enrollment_id = fields.required_id(&["enrollment_id"], Entity::Enrollment)?;
        Ok(CollectionUpdateBody { enrollment_id, collection_id })
    });
    let CollectionUpdateBody { enrollment_id, collection_id } = body.await?;
    let mut tx = app.db.write(caller.account).await?;
    collections::add_member(&mut tx, caller.account, collection_id, enrollment_id, clock::now_us()).await?;
    tx.commit().await?;
    Ok(answer("collection updated successfully", collection_id))
}

/// Train a collection.
///
/// Has the classifier fitted soon, and answers at once. Collections are usable right after each change, and their classifiers
/// are fitted anyway a few seconds later.
#[utoipa::path(
    post, path = "/train", tag = "Collections",
    request_body = TrainBody,
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn train(
    State(app): State<Arc<App>>,
    caller: Caller,
    upload: Upload,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let body = fields::from_json(upload, |fields| {
        let collection_id = fields.required_id(&["collection_id", "collection_id_"], Entity::Collection)?;
        Ok(TrainBody { collection_id })
    });
    let TrainBody { collection_id } = body.await?;
    let mut tx = app.db.write(caller.account).await?;
    jobs::fit_soon(&mut tx, caller.account, collection_id, 0).await?;
    tx.commit().await?;
    Ok(answer("retraining the classifier", collection_id))
}

/// List collections.
///
/// All of the account, oldest first, unless filters or a `limit` are given. Parameters may also stand in a JSON body.
#[utoipa::path(
    get, path = "/collection", tag = "Collections", operation_id = "listCollections",
    params(
        ("collection_id" = Option<String>, Query, description = "Only this one; `id` is the same"),
        ("name" = Option<String>, Query, description = "Only those with exactly this name"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most so many"),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before"),
    ),
    responses((status = 200, description = "The collections", body = Envelope<Vec<CollectionEntry>, PageMeta>)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    upload: Upload,
) -> Result<Response, Error> {
    let fields = fields::from_body_or_query(&upload.bytes, &uri, false)?;
    let name = fields.name()?;
    let filter = Filter {
        id: fields.id(&["collection_id", "id"], Entity::Collection)?,
        name: name.as_deref(),
        limit: fields.limit(1_000)?,
        after: fields.cursor(Kind::Collection)?,
    };
    if filter.limit.is_some() {
        let page = collections::list(&app.db, caller.account, &filter).await?;
        let meta = PageMeta { next_cursor: page.next.map(|id| id.to_string()) };
        let entries: Vec<CollectionEntry> = page.items.into_iter().map(entry).collect();
        return Ok(Envelope::new(None, entries, Some(meta)).into_response());
    }
    let Filter { id, after, .. } = filter;
    let (db, account) = (app.db.clone(), caller.account);
    listing::answer(&app, Collections::default(), async move |to| {
        let filter = Filter { id, name: name.as_deref(), limit: None, after };
        collections::send_all(&db, account, &filter, &to).await
    })
    .await
}

/// Entries that are written member by member: a collection may have more of them than should be in memory.
#[derive(Default)]
struct Collections {
    /// What closes the entry that is open.
    end: Option<String>,
    members: usize,
}

/// Between what comes before the members in an entry, and what comes after. No text in an entry has it: quotes are escaped.
const MEMBERS: &str = r#""enrollments":[]"#;

impl Elements for Collections {
    type Item = Piece;

    fn push(&mut self, out: &mut Vec<u8>, item: Piece) -> serde_json::Result<()> {
        match item {
            Piece::Collection(collection) => {
                let separator = if self.end.is_some() { "," } else { "" };
                self.finish(out);
                let entry = serde_json::to_string(&entry(collection))?;
                let (start, end) = entry.split_once(MEMBERS).unwrap_or((&entry, ""));
                out.extend(separator.bytes().chain(start.bytes()).chain(br#""enrollments":["#.iter().copied()));
                (self.end, self.members) = (Some(format!("]{end}")), 0);
            }
            Piece::Member(id) => {
                let separator = if self.members > 0 { "," } else { "" };
                out.extend(format!("{separator}\"{id}\"").bytes());
                self.members += 1;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend(self.end.take().unwrap_or_default().bytes());
    }
}

/// Delete a collection.
///
/// Its members stay enrolled. The parameter may also stand in a JSON body.
#[utoipa::path(
    delete, path = "/collection", tag = "Collections", operation_id = "deleteCollection",
    params(("collection_id" = Option<String>, Query, description = "The collection; `id` is the same")),
    responses((status = 200, description = "It was deleted", body = Envelope<String, NoMeta>)),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    upload: Upload,
) -> Result<Envelope<String, NoMeta>, Error> {
    let fields = fields::from_body_or_query(&upload.bytes, &uri, true)?;
    let id = fields.required_id(&["collection_id", "id"], Entity::Collection)?;
    let mut tx = app.db.write(caller.account).await?;
    collections::delete(&mut tx, caller.account, id, clock::now_us()).await?;
    tx.commit().await?;
    app.classifiers.remove_collection(CollectionKey { account: caller.account, collection: id });
    app.vectors.remove_collection(caller.account, id).await?;
    Ok(Envelope::new(None, format!("Entity *{id}* has been deleted"), None))
}

/// Take an enrollment out of a collection.
///
/// It stays enrolled. Taking out who is no member changes nothing. The parameters may also stand in a JSON body.
#[utoipa::path(
    delete, path = "/collection/member", tag = "Collections", operation_id = "removeMember",
    params(
        ("collection_id" = Option<String>, Query, description = "The collection"),
        ("enrollment_id" = Option<String>, Query, description = "The enrollment"),
    ),
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn remove_member(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    upload: Upload,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let fields = fields::from_body_or_query(&upload.bytes, &uri, true)?;
    let collection = fields.required_id(&["collection_id"], Entity::Collection)?;
    let enrollment = fields.required_id(&["enrollment_id"], Entity::Enrollment)?;
    let mut tx = app.db.write(caller.account).await?;
    collections::remove_member(&mut tx, caller.account, collection, enrollment, clock::now_us()).await?;
    tx.commit().await?;
    app.vectors.remove_person(caller.account, enrollment, &[collection]).await?;
    Ok(answer("collection updated successfully", collection))
}

fn answer(message: &'static str, id: Id) -> Envelope<CollectionData, NoMeta> {
    Envelope::new(Some(message), CollectionData { collection_id: id.to_string() }, None)
}

fn entry(collection: collections::Collection) -> CollectionEntry {
    CollectionEntry {
        classifier_url: "",
        created: clock::format(collection.created),
        enrollments: collection.enrollments.iter().map(Id::to_string).collect(),
        id: collection.id.to_string(),
        label_encoder: "",
        name: collection.name,
        owner: collection.account_id.to_string(),
        unknown: collection.unknowns,
        updated: clock::format(collection.updated),
    }
}
