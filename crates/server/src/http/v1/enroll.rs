//! `enroll`: the people that an account knows.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use vultus_store::Id;
use vultus_store::enrollments::{self, Facts, FactsUpdate, Filter};

use crate::app::App;
use crate::auth::principal::Principal;
use crate::clock;
use crate::error::Entity;
use crate::flows::duplicates::{NotSearched, Similar};
use crate::flows::enroll::{Enrolled, Target};
use crate::flows::{self, Outcome};
use crate::http::wire::envelope::{Envelope, FaceAnswer, NoMeta, SkippedImage, skipped_images};
use crate::http::wire::error::Error;
use crate::http::wire::fields::Fields;
use crate::http::wire::input::Input;
use crate::http::wire::listing;
use crate::http::wire::parameters::{Endpoint, Form, Kind as Values, Parameter};
use crate::http::wire::reference::Reference;

/// Most images of a new enrollment; others can be added to it.
const MAX_IMAGES: usize = 10;

const IMAGES: Parameter = Parameter::required(
    "img0",
    Values::Pictures,
    "The image file in base64; more in `img1`, `img2` and so on, gaps allowed, ten in all.",
);
const MORE_IMAGES: Parameter = Parameter::optional(
    "img0",
    Values::Pictures,
    "The image file in base64; more in `img1`, `img2` and so on, gaps allowed. May be absent if something else changes.",
);
const NAME: Parameter = Parameter::optional("name", Values::Label, "Name of the person.");
const EXTERNAL_ID: Parameter =
    Parameter::optional("external_id", Values::Label, "What the client's own system calls the person.");
const METADATA: Parameter = Parameter::optional("metadata", Values::Object, "A JSON object to keep with the person.");
const NEW_EXTERNAL_ID: Parameter = Parameter::optional(
    "external_id",
    Values::Label,
    "What the client's own system calls the person. An empty text removes it; `null` changes nothing.",
);
const NEW_METADATA: Parameter = Parameter::optional(
    "metadata",
    Values::Object,
    "A JSON object to keep with the person, in place of the one before. `{}` removes it; `null` changes nothing.",
);
const LEGACY_ID: Parameter = Parameter::optional(
    "legacy_id",
    Values::LegacyId,
    "The id that another server gave to the person. It is taken wherever an id of an enrollment is.",
);
const NEW_LEGACY_ID: Parameter = Parameter::optional(
    "legacy_id",
    Values::LegacyId,
    "The id that another server gave to the person. An empty text removes it; `null` changes nothing.",
);
const JOINED: Parameter =
    Parameter::optional("collection_id", Values::Id(Entity::Collection), "Id of a collection that the person joins.");
const ENROLLMENT: Parameter =
    Parameter::required("enrollment_id", Values::Id(Entity::Enrollment), "Id of the enrollment.").or(&["id"]);
const HOLDER: Parameter = Parameter::required("enrollment_id", Values::Id(Entity::Enrollment), "Id of the enrollment.");
const EMBEDDING: Parameter = Parameter::required("embedding_id", Values::Id(Entity::Embedding), "Id of the embedding.");
const ONLY_ID: Parameter =
    Parameter::optional("enrollment_id", Values::Id(Entity::Enrollment), "Only this enrollment.").or(&["id"]);
const ONLY_MEMBERS: Parameter =
    Parameter::optional("collection_id", Values::Id(Entity::Collection), "Only members of this collection.");
const ONLY_NAME: Parameter = Parameter::optional("name", Values::Label, "Only people with exactly this name.");
const ONLY_EXTERNAL_ID: Parameter =
    Parameter::optional("external_id", Values::Label, "Only people with exactly this external id.");
const LIMIT: Parameter = Parameter::optional("limit", Values::Count { most: 1_000 }, "Most entries of the answer.");
const CURSOR: Parameter =
    Parameter::optional("cursor", Values::Cursor(Entity::Enrollment), "The `meta.next_cursor` of the page before.");

pub(crate) static CREATE: Endpoint =
    Endpoint { form: Form::Json("EnrollBody"), parameters: &[IMAGES, NAME, EXTERNAL_ID, LEGACY_ID, METADATA, JOINED] };
pub(crate) static UPDATE: Endpoint = Endpoint {
    form: Form::Change("EnrollUpdateBody"),
    parameters: &[MORE_IMAGES, NAME, NEW_EXTERNAL_ID, NEW_LEGACY_ID, NEW_METADATA, ENROLLMENT],
};
pub(crate) static LIST: Endpoint =
    Endpoint { form: Form::Query, parameters: &[ONLY_ID, ONLY_MEMBERS, ONLY_NAME, ONLY_EXTERNAL_ID, LIMIT, CURSOR] };
pub(crate) static DELETE: Endpoint = Endpoint { form: Form::Query, parameters: &[ENROLLMENT] };
pub(crate) static DELETE_EMBEDDING: Endpoint = Endpoint { form: Form::Query, parameters: &[HOLDER, EMBEDDING] };

/// Which enrollment.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrollData {
    /// Its id.
    enrollment_id: String,
}

/// What became of the images.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrollMeta {
    /// How many embeddings were added.
    embeddings: usize,
    /// The images that were left out.
    skipped: Vec<SkippedImage>,
    /// Members of the collection to join who look like the same person, most similar first: maybe this is a duplicate. `null`
    /// if they could not be searched; the person is enrolled all the same.
    similar: Option<Vec<SimilarPerson>>,
    /// Why `similar` is `null`; absent otherwise. `collection_too_large`: the collection has more embeddings than the server may
    /// hold in memory. `timeout`: the search took too long. `unavailable`: the search failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "timeout")]
    similar_reason: Option<&'static str>,
}

/// Somebody who looks like the person who is enrolled.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimilarPerson {
    /// Id of the enrollment.
    key: String,
    /// Name of the person.
    name: String,
    /// Score as that of `match`, 0 to 1.
    score: f32,
}

/// A person as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrollmentEntry {
    /// The first collection the person joined, of those joined still.
    collection_id: Option<String>,
    /// Naive UTC.
    #[schema(example = "2017-10-25T18:41:00.190750")]
    created: String,
    /// Ids of the embeddings, in the order of insertion.
    embeddings: Vec<String>,
    id: String,
    /// Always empty: images are not served.
    images: Vec<String>,
    /// May be empty.
    name: String,
    /// What the client's own system calls the person, if it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// The id that another server gave to the person, if it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    legacy_id: Option<String>,
    /// The JSON object that was given, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
    /// Id of the account.
    owner: String,
    /// Naive UTC.
    #[schema(example = "2017-10-25T18:41:00.370150")]
    updated: String,
}

/// Where a list goes on; only when `limit` is given.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageMeta {
    /// The `cursor` of the next page, or `null` on the last.
    pub(crate) next_cursor: Option<String>,
}

/// Enroll a person.
///
/// Each image must have one dominant face. Images without one are left out, and `meta.skipped` lists them; `success` is
/// false when none is usable.
#[utoipa::path(
    post, path = "/enroll", tag = "Enrollments", operation_id = "enroll",
    responses((status = 200, description = "The enrollment, or that no image has a usable face", body = FaceAnswer<EnrollData, EnrollMeta>)),
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<FaceAnswer<EnrollData, EnrollMeta>, Error> {
    let read = |fields: &Fields<'_>| {
        let collection = fields.id(&JOINED)?;
        let name = fields.label(&NAME)?.unwrap_or_default();
        let (external_id, legacy_id) = (fields.label(&EXTERNAL_ID)?, fields.legacy_id(&LEGACY_ID)?);
        let facts = Facts { name, external_id, legacy_id, metadata: fields.object(&METADATA)? };
        Ok((facts, collection, fields.pictures(MAX_IMAGES)?))
    };
    let (facts, collection, pictures) = input.read(read).await?;
    let collection = Reference::resolve_any(collection, &app, caller.account).await?;
    let target = Target::New { facts, collection };
    let outcome = flows::enroll::run(&app, &caller, target, pictures).await?;
    Ok(answer("enrollment processed successfully", outcome))
}

/// Add images to an enrollment, or change its name, external id or metadata.
///
/// Images are left out as when enrolling; if none is usable, nothing changes.
#[utoipa::path(
    put, path = "/enroll", tag = "Enrollments", operation_id = "updateEnrollment",
    responses((status = 200, description = "The enrollment, or that no image has a usable face", body = FaceAnswer<EnrollData, EnrollMeta>)),
)]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<FaceAnswer<EnrollData, EnrollMeta>, Error> {
    let most = app.config.images.max_images;
    let read = move |fields: &Fields<'_>| {
        let id = fields.required_id(&ENROLLMENT)?;
        let (external_id, legacy_id) = (fields.label(&NEW_EXTERNAL_ID)?, fields.legacy_id(&NEW_LEGACY_ID)?);
        let facts =
            FactsUpdate { name: fields.label(&NAME)?, external_id, legacy_id, metadata: fields.object(&NEW_METADATA)? };
        let changes = facts != FactsUpdate::default();
        let pictures = if changes && !fields.has_pictures() { Vec::new() } else { fields.pictures(most)? };
        Ok((id, facts, pictures))
    };
    let (id, facts, pictures) = input.read(read).await?;
    let id = id.resolve(&app, caller.account).await?;
    if pictures.is_empty() {
        let mut tx = caller.write(&app.db).await?;
        enrollments::update_facts(&mut tx, caller.account, id, &facts, clock::now_us()).await?;
        tx.commit().await?;
        let enrolled = Enrolled { id, added: 0, skipped: Vec::new(), similar: Ok(Vec::new()) };
        return Ok(answer("enrollment updated successfully", Outcome::Done(enrolled)));
    }
    let target = Target::Existing(id, facts);
    let outcome = flows::enroll::run(&app, &caller, target, pictures).await?;
    Ok(answer("enrollment updated successfully", outcome))
}

/// List enrollments.
///
/// All of the account, oldest first, unless filters or a `limit` are given. Parameters may also stand in a JSON body.
#[utoipa::path(
    get, path = "/enroll", tag = "Enrollments", operation_id = "listEnrollments",
    responses((status = 200, description = "The enrollments", body = Envelope<Vec<EnrollmentEntry>, PageMeta>)),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Principal, input: Input) -> Result<Response, Error> {
    let read = |fields: &Fields<'_>| {
        let (id, collection_id) = (fields.id(&ONLY_ID)?, fields.id(&ONLY_MEMBERS)?);
        let (name, external_id) = (fields.label(&ONLY_NAME)?, fields.label(&ONLY_EXTERNAL_ID)?);
        Ok((id, collection_id, name, external_id, fields.count(&LIMIT)?, fields.cursor(&CURSOR)?))
    };
    let (id, collection_id, name, external_id, limit, after) = input.read(read).await?;
    let id = Reference::resolve_any(id, &app, caller.account).await?;
    let collection_id = Reference::resolve_any(collection_id, &app, caller.account).await?;
    let filter = Filter { id, collection_id, name: name.as_deref(), external_id: external_id.as_deref(), limit, after };
    if filter.limit.is_some() {
        let page = enrollments::list(&app.db, caller.account, &filter).await?;
        let meta = PageMeta { next_cursor: page.next.map(|id| id.to_string()) };
        let entries: Vec<EnrollmentEntry> = page.items.into_iter().map(entry).collect();
        return Ok(Envelope::new(None, entries, Some(meta)).into_response());
    }
    let (db, account) = (app.db.clone(), caller.account);
    listing::answer(&app, listing::Each::new(entry), async move |to| {
        let (name, external_id) = (name.as_deref(), external_id.as_deref());
        let filter = Filter { id, collection_id, name, external_id, limit: None, after };
        enrollments::send_all(&db, account, &filter, &to).await
    })
    .await
}

/// Delete an enrollment.
///
/// Its embeddings and memberships go with it. The parameter may also stand in a JSON body.
#[utoipa::path(
    delete, path = "/enroll", tag = "Enrollments", operation_id = "deleteEnrollment",
    responses((status = 200, description = "It was deleted", body = Envelope<String, NoMeta>)),
)]
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<String, NoMeta>, Error> {
    let id = input.read(|fields| fields.required_id(&ENROLLMENT)).await?;
    let id = id.resolve(&app, caller.account).await?;
    flows::delete::enrollment(&app, &caller, id).await?;
    Ok(Envelope::new(None, format!("Enrollment *{id}* has been deleted"), None))
}

/// Delete one embedding of an enrollment, and its image if it is kept.
///
/// `GET /enroll` lists the ids of the embeddings. The last one can only be deleted with the enrollment. The parameters may also
/// stand in a JSON body.
#[utoipa::path(
    delete, path = "/enroll/embedding", tag = "Enrollments", operation_id = "deleteEmbedding",
    responses((status = 200, description = "It was deleted", body = Envelope<String, NoMeta>)),
)]
pub(crate) async fn delete_embedding(
    State(app): State<Arc<App>>,
    caller: Principal,
    input: Input,
) -> Result<Envelope<String, NoMeta>, Error> {
    let read = |fields: &Fields<'_>| Ok((fields.required_id(&HOLDER)?, fields.required_id(&EMBEDDING)?));
    let (enrollment, id) = input.read(read).await?;
    let enrollment = enrollment.resolve(&app, caller.account).await?;
    let id = id.resolve(&app, caller.account).await?;
    flows::delete::embedding(&app, &caller, enrollment, id).await?;
    Ok(Envelope::new(None, format!("Embedding *{id}* has been deleted"), None))
}

fn answer(message: &'static str, outcome: Outcome<Enrolled>) -> FaceAnswer<EnrollData, EnrollMeta> {
    match outcome {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(enrolled) => {
            let data = EnrollData { enrollment_id: enrolled.id.to_string() };
            let similar = |Similar { id, name, score }| SimilarPerson { key: id.to_string(), name, score };
            let meta = EnrollMeta {
                embeddings: enrolled.added,
                skipped: skipped_images(&enrolled.skipped),
                similar_reason: enrolled.similar.as_ref().err().copied().map(NotSearched::code),
                similar: enrolled.similar.ok().map(|found| found.into_iter().map(similar).collect()),
            };
            FaceAnswer::done(message, data, meta)
        }
    }
}

fn entry(enrollment: enrollments::Enrollment) -> EnrollmentEntry {
    EnrollmentEntry {
        collection_id: enrollment.collection_id.map(|id| id.to_string()),
        created: clock::format(enrollment.created),
        embeddings: enrollment.embeddings.iter().map(Id::to_string).collect(),
        id: enrollment.id.to_string(),
        images: Vec::new(),
        name: enrollment.name,
        external_id: enrollment.external_id,
        legacy_id: enrollment.legacy_id,
        metadata: enrollment.metadata.and_then(|json| RawValue::from_string(json).ok()),
        owner: enrollment.account_id.to_string(),
        updated: clock::format(enrollment.updated),
    }
}
