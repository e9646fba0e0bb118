//! `enroll`: the people that an account knows.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;
use vultus_store::enrollments::{self, Filter};
use vultus_store::{Id, Kind};

use super::body::Upload;
use super::envelope::{Envelope, FaceAnswer, NoMeta, SkippedImage, skipped_images};
use super::fields;
use crate::app::App;
use crate::clock;
use crate::error::{Entity, Error};
use crate::flows::enroll::{Enrolled, Target};
use crate::flows::{self, Outcome, Picture};
use crate::keys::Caller;

/// Most images of a new enrollment; others can be added to it.
const MAX_IMAGES: usize = 10;

/// A new person.
#[derive(ToSchema)]
pub struct EnrollBody {
    /// The image file in base64; more in `img1`, `img2` and so on, gaps allowed, ten in all.
    #[schema(rename = "img0", value_type = String)]
    pictures: Vec<Picture>,
    /// Name of the person.
    #[schema(max_length = 200)]
    name: Option<String>,
    /// Id of a collection that the person joins.
    #[schema(value_type = Option<String>)]
    collection_id: Option<Id>,
}

/// More images of a person.
#[derive(ToSchema)]
pub struct EnrollUpdateBody {
    /// The image file in base64; more in `img1`, `img2` and so on, gaps allowed.
    #[schema(rename = "img0", value_type = String)]
    pictures: Vec<Picture>,
    /// Id of the enrollment.
    #[schema(value_type = String)]
    enrollment_id: Id,
}

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
    pub(super) next_cursor: Option<String>,
}

/// Enroll a person.
///
/// Each image must have one dominant face. Images without one are left out and told in `meta.skipped`; `success` is
/// false when none is usable.
#[utoipa::path(
    post, path = "/enroll", tag = "Enrollments", operation_id = "enroll",
    request_body = EnrollBody,
    responses((status = 200, description = "The enrollment, or that no image has a usable face", body = FaceAnswer<EnrollData, EnrollMeta>)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut upload: Upload,
) -> Result<FaceAnswer<EnrollData, EnrollMeta>, Error> {
    let body = fields::from_json(upload.take(), |fields| {
        let collection_id = fields.id(&["collection_id"], Entity::Collection)?;
        Ok(EnrollBody { name: fields.name()?, collection_id, pictures: fields.pictures(Some(MAX_IMAGES))? })
    });
    let EnrollBody { pictures, name, collection_id } = body.await?;
    let target = Target::New { name: name.unwrap_or_default(), collection: collection_id };
    let outcome = flows::enroll::run(&app, caller.account, target, pictures).await?;
    Ok(answer("enrollment processed successfully", outcome))
}

/// Add images to an enrollment.
///
/// Images are left out as when enrolling.
#[utoipa::path(
    put, path = "/enroll", tag = "Enrollments", operation_id = "updateEnrollment",
    request_body = EnrollUpdateBody,
    responses((status = 200, description = "The enrollment, or that no image has a usable face", body = FaceAnswer<EnrollData, EnrollMeta>)),
)]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut upload: Upload,
) -> Result<FaceAnswer<EnrollData, EnrollMeta>, Error> {
    let body = fields::from_json(upload.take(), |fields| {
        let enrollment_id = fields.required_id(&["enrollment_id", "id"], Entity::Enrollment)?;
        Ok(EnrollUpdateBody { enrollment_id, pictures: fields.pictures(None)? })
    });
    let EnrollUpdateBody { pictures, enrollment_id } = body.await?;
    let target = Target::Existing(enrollment_id);
    let outcome = flows::enroll::run(&app, caller.account, target, pictures).await?;
    Ok(answer("enrollment updated successfully", outcome))
}

/// List enrollments.
///
/// All of the account, oldest first, unless filters or a `limit` are given. Parameters may also stand in a JSON body.
#[utoipa::path(
    get, path = "/enroll", tag = "Enrollments", operation_id = "listEnrollments",
    params(
        ("enrollment_id" = Option<String>, Query, description = "Only this one; `id` is the same"),
        ("collection_id" = Option<String>, Query, description = "Only members of this collection"),
        ("name" = Option<String>, Query, description = "Only those with exactly this name"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "At most so many"),
        ("cursor" = Option<String>, Query, description = "`meta.next_cursor` of the page before"),
    ),
    responses((status = 200, description = "The enrollments", body = Envelope<Vec<EnrollmentEntry>, PageMeta>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    upload: Upload,
) -> Result<Envelope<Vec<EnrollmentEntry>, PageMeta>, Error> {
    let fields = fields::from_body_or_query(&upload.bytes, &uri, false)?;
    let name = fields.name()?;
    let filter = Filter {
        id: fields.id(&["enrollment_id", "id"], Entity::Enrollment)?,
        collection_id: fields.id(&["collection_id"], Entity::Collection)?,
        name: name.as_deref(),
        limit: fields.limit()?,
        after: fields.cursor(Kind::Enrollment)?,
    };
    let page = enrollments::list(&app.db, caller.account, &filter).await?;
    let meta = filter.limit.map(|_| PageMeta { next_cursor: page.next.map(|id| id.to_string()) });
    Ok(Envelope::new(None, page.items.into_iter().map(entry).collect(), meta))
}

/// Delete an enrollment.
///
/// Its embeddings and memberships go with it. The parameter may also stand in a JSON body.
#[utoipa::path(
    delete, path = "/enroll", tag = "Enrollments", operation_id = "deleteEnrollment",
    params(("enrollment_id" = Option<String>, Query, description = "The enrollment; `id` is the same")),
    responses((status = 200, description = "It was deleted", body = Envelope<String, NoMeta>)),
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    upload: Upload,
) -> Result<Envelope<String, NoMeta>, Error> {
    let fields = fields::from_body_or_query(&upload.bytes, &uri, true)?;
    let id = fields.required_id(&["enrollment_id", "id"], Entity::Enrollment)?;
    let images = enrollments::delete(&app.db, caller.account, id, clock::now_us()).await?;
    app.galleries.forget(id).await;
    app.blobs.remove(&images).await?;
    Ok(Envelope::new(None, format!("Enrollment *{id}* has been deleted"), None))
}

fn answer(message: &'static str, outcome: Outcome<Enrolled>) -> FaceAnswer<EnrollData, EnrollMeta> {
    match outcome {
        Outcome::NoFace(skipped) => FaceAnswer::no_face(&skipped),
        Outcome::Done(enrolled) => {
            let data = EnrollData { enrollment_id: enrolled.id.to_string() };
            let meta = EnrollMeta { embeddings: enrolled.added, skipped: skipped_images(&enrolled.skipped) };
            FaceAnswer::done(message, data, meta)
        }
    }
}

fn entry(enrollment: enrollments::Enrollment) -> EnrollmentEntry {
    EnrollmentEntry {
        collection_id: enrollment.collection_id.map(|id| id.to_string()),
        created: clock::format(enrollment.created),
        embeddings: enrollment.embeddings.iter().map(|embedding| embedding.id.to_string()).collect(),
        id: enrollment.id.to_string(),
        images: Vec::new(),
        name: enrollment.name,
        owner: enrollment.account_id.to_string(),
        updated: clock::format(enrollment.updated),
    }
}
