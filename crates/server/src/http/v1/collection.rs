//! `collection` and `train`: the sets of people that `identify` searches.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;
use vultus_store::collections::{self, Filter, NewCollection, Piece};
use vultus_store::{Id, Kind, jobs, legacy_ids};

use super::enroll::PageMeta;
use crate::app::{self, App};
use crate::auth::principal::Principal;
use crate::clock;
use crate::error::Entity;
use crate::flows;
use crate::http::wire::envelope::{Envelope, NoMeta};
use crate::http::wire::error::Error;
use crate::http::wire::fields::Fields;
use crate::http::wire::input::Input;
use crate::http::wire::listing::{self, Elements};
use crate::http::wire::parameters::{Endpoint, Form, Kind as Values, Parameter};
use crate::http::wire::reference::Reference;

const NAME: Parameter = Parameter::required("name", Values::Label, "Name of the collection.");
const UNKNOWNS: Parameter =
    Parameter::optional("unknowns", Values::Switch, "Whether the collection has a class for unknown people.");
const COLLECTION: Parameter =
    Parameter::required("collection_id", Values::Id(Entity::Collection), "Id of the collection.");
const LEGACY_ID: Parameter = Parameter::optional(
    "legacy_id",
    Values::LegacyId,
    "The id that another server gave to the collection. It is taken wherever an id of a collection is.",
);
const NEW_LEGACY_ID: Parameter = Parameter::optional(
    "legacy_id",
    Values::LegacyId,
    "The id that another server gave to the collection. An empty text removes it; `null` changes nothing.",
);
const JOINING: Parameter = Parameter::optional(
    "enrollment_id",
    Values::Id(Entity::Enrollment),
    "Id of the enrollment. May be absent if `legacy_id` changes.",
);
const MEMBER: Parameter = Parameter::required("enrollment_id", Values::Id(Entity::Enrollment), "Id of the enrollment.");
const DELETED: Parameter = COLLECTION.or(&["id"]);
const TRAINED: Parameter = COLLECTION.or(&["collection_id_"]);
const ONLY_ID: Parameter =
    Parameter::optional("collection_id", Values::Id(Entity::Collection), "Only this collection.").or(&["id"]);
const ONLY_NAME: Parameter = Parameter::optional("name", Values::Label, "Only collections with exactly this name.");
const LIMIT: Parameter = Parameter::optional("limit", Values::Count { most: 1_000 }, "Most entries of the answer.");
const CURSOR: Parameter =
    Parameter::optional("cursor", Values::Cursor(Entity::Collection), "The `meta.next_cursor` of the page before.");

pub(crate) static CREATE: Endpoint =
    Endpoint { form: Form::Json("CollectionBody"), parameters: &[NAME, UNKNOWNS, LEGACY_ID] };
pub(crate) static UPDATE: Endpoint =
    Endpoint { form: Form::Change("CollectionUpdateBody"), parameters: &[JOINING, COLLECTION, NEW_LEGACY_ID] };
pub(crate) static TRAIN: Endpoint = Endpoint { form: Form::Json("TrainBody"), parameters: &[TRAINED] };
pub(crate) static LIST: Endpoint = Endpoint { form: Form::Query, parameters: &[ONLY_ID, ONLY_NAME, LIMIT, CURSOR] };
pub(crate) static DELETE: Endpoint = Endpoint { form: Form::Query, parameters: &[DELETED] };
pub(crate) static REMOVE_MEMBER: Endpoint = Endpoint { form: Form::Query, parameters: &[COLLECTION, MEMBER] };

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
    /// The id that another server gave to it, if it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    legacy_id: Option<String>,
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
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let read = |fields: &Fields<'_>| {
        Ok((fields.required_label(&NAME)?, fields.switch(&UNKNOWNS)?, fields.legacy_id(&LEGACY_ID)?))
    };
    let (name, unknowns, legacy_id) = input.read(read).await?;
    let id = app::new_id(Kind::Collection)?;
    let new = NewCollection { id, name: &name, unknowns: unknowns.unwrap_or(false) };
    let mut tx = caller.write(&app.db).await?;
    collections::insert(&mut tx, caller.account, &new, clock::now_us()).await?;
    if let Some(legacy_id) = legacy_id {
        legacy_ids::set(&mut tx, caller.account, id, &legacy_id).await?;
    }
    tx.commit().await?;
    Ok(answer("collection created successfully", id))
}

/// Add an enrollment to a collection, or change the legacy id of the collection.
///
/// The person can be identified at once. Adding a member again changes nothing.
#[utoipa::path(
    put, path = "/collection", tag = "Collections", operation_id = "updateCollection",
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let read = |fields: &Fields<'_>| {
        let (collection, legacy_id) = (fields.required_id(&COLLECTION)?, fields.legacy_id(&NEW_LEGACY_ID)?);
        let member = if legacy_id.is_some() { fields.id(&JOINING)? } else { Some(fields.required_id(&JOINING)?) };
        Ok((collection, member, legacy_id))
    };
    let (collection_id, member, legacy_id) = input.read(read).await?;
    let collection_id = collection_id.resolve(&app, caller.account).await?;
    let member = Reference::resolve_any(member, &app, caller.account).await?;
    let mut tx = caller.write(&app.db).await?;
    if let Some(member) = member {
        collections::add_member(&mut tx, caller.account, collection_id, member, clock::now_us()).await?;
    }
    if let Some(legacy_id) = legacy_id {
        legacy_ids::set(&mut tx, caller.account, collection_id, &legacy_id).await?;
    }
    tx.commit().await?;
    Ok(answer("collection updated successfully", collection_id))
}

/// Train a collection.
///
/// Has the classifier fitted soon, and answers at once. Collections are usable right after each change, and their classifiers
/// are fitted anyway a few seconds later.
#[utoipa::path(
    post, path = "/train", tag = "Collections",
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn train(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let collection_id = input.read(|fields| fields.required_id(&TRAINED)).await?;
    let collection_id = collection_id.resolve(&app, caller.account).await?;
    let mut tx = caller.write(&app.db).await?;
    jobs::fit_soon(&mut tx, caller.account, collection_id, 0).await?;
    tx.commit().await?;
    Ok(answer("retraining the classifier", collection_id))
}

/// List collections.
///
/// All of the account, oldest first, unless filters or a `limit` are given. Parameters may also stand in a JSON body.
#[utoipa::path(
    get, path = "/collection", tag = "Collections", operation_id = "listCollections",
    responses((status = 200, description = "The collections", body = Envelope<Vec<CollectionEntry>, PageMeta>)),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Principal, input: Input) -> Result<Response, Error> {
    let read = |fields: &Fields<'_>| {
        let (id, name) = (fields.id(&ONLY_ID)?, fields.label(&ONLY_NAME)?);
        Ok((id, name, fields.count(&LIMIT)?, fields.cursor(&CURSOR)?))
    };
    let (id, name, limit, after) = input.read(read).await?;
    let id = Reference::resolve_any(id, &app, caller.account).await?;
    let filter = Filter { id, name: name.as_deref(), limit, after };
    if filter.limit.is_some() {
        let page = collections::list(&app.db, caller.account, &filter).await?;
        let meta = PageMeta { next_cursor: page.next.map(|id| id.to_string()) };
        let entries: Vec<CollectionEntry> = page.items.into_iter().map(entry).collect();
        return Ok(Envelope::new(None, entries, Some(meta)).into_response());
    }
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
    responses((status = 200, description = "It was deleted", body = Envelope<String, NoMeta>)),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<String, NoMeta>, Error> {
    let id = input.read(|fields| fields.required_id(&DELETED)).await?;
    let id = id.resolve(&app, caller.account).await?;
    flows::delete::collection(&app, &caller, id).await?;
    Ok(Envelope::new(None, format!("Entity *{id}* has been deleted"), None))
}

/// Take an enrollment out of a collection.
///
/// It stays enrolled. Taking out who is no member changes nothing. The parameters may also stand in a JSON body.
#[utoipa::path(
    delete, path = "/collection/member", tag = "Collections", operation_id = "removeMember",
    responses((status = 200, description = "The collection", body = Envelope<CollectionData, NoMeta>)),
)]
pub(crate) async fn remove_member(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<CollectionData, NoMeta>, Error> {
    let read = |fields: &Fields<'_>| Ok((fields.required_id(&COLLECTION)?, fields.required_id(&MEMBER)?));
    let (collection, enrollment) = input.read(read).await?;
    let collection = collection.resolve(&app, caller.account).await?;
    let enrollment = enrollment.resolve(&app, caller.account).await?;
    flows::delete::member(&app, &caller, collection, enrollment).await?;
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
        legacy_id: collection.legacy_id,
        name: collection.name,
        owner: collection.account_id.to_string(),
        unknown: collection.unknowns,
        updated: clock::format(collection.updated),
    }
}
