//! Errors on the wire: the only place that maps an error to a status.
//!
//! A handler's error travels to [`super::observe`] as an extension of a response without a body; there it is rendered
//! with the request id, and logged once if it is the server's fault.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use vultus_store::Error as StoreError;

use super::error::Error;
use crate::error::{Error as FlowError, KeyProblem};
use crate::pools;
use crate::random::random_bytes;

/// The body of every answer that is a protocol error.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `false`.
    #[schema(schema_with = super::envelope::always_false)]
    success: bool,
    /// What is wrong and how to mend it.
    #[schema(example = "\"img\" is missing: send an image file in base64")]
    message: String,
    /// Always `null`.
    #[schema(schema_with = super::envelope::always_null)]
    data: (),
    /// For programs and for support.
    meta: ProblemMeta,
}

/// What a program or a support request needs of an error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemMeta {
    /// A stable word for the kind of error.
    #[schema(example = "missing_field")]
    code: &'static str,
    /// The id of the request, also in the `x-request-id` header.
    request_id: String,
}

/// The codes of all errors that an endpoint of the API can have, by status.
pub(crate) const CODES: [(u16, &[&str]); 11] = [
    (
        400,
        &[
            "bad_image",
            "body_broken",
            "body_too_large",
            "body_too_slow",
            "empty_body",
            "gallery_too_large",
            "idempotency_key_reused",
            "last_embedding",
            "legacy_id_taken",
            "missing_field",
            "multipart",
            "not_base64",
            "not_gzip",
            "not_json",
            "other_model",
            "too_deep",
            "too_many_embeddings",
            "too_many_images",
            "too_many_parameters",
            "unknown_encoding",
            "wrong_type",
            "wrong_value",
            "sandbox",
        ],
    ),
    (401, &["key_expired", "key_missing", "key_revoked", "key_unknown", "sandbox"]),
    (403, &["scope_missing", "sandbox"]),
    (404, &["not_found", "unknown_path", "sandbox"]),
    (405, &["wrong_method", "sandbox"]),
    (406, &["not_acceptable", "sandbox"]),
    (409, &["answer_lost"]),
    (410, &["deleted", "sandbox"]),
    (429, &["account_busy", "rate_limited", "sandbox"]),
    (500, &["internal", "sandbox"]),
    (
        503,
        &[
            "connections_full",
            "database_unavailable",
            "engine_busy",
            "engine_not_loaded",
            "images_full",
            "lists_full",
            "repeat_in_progress",
            "requests_full",
            "service_unavailable",
            "timeout",
            "unsettled",
            "uploads_full",
            "sandbox",
        ],
    ),
];

/// Longest wait in seconds before a client tries again.
const LONGEST_WAIT_S: u8 = 3;

/// Seconds after which a client may try again when the server was too busy, or its key too fast: no rate limit is below
/// one request a second. Clients that were refused together get different waits, or they would return together.
fn retry_after() -> HeaderValue {
    let [random] = random_bytes().unwrap_or_default();
    HeaderValue::from(u16::from(1 + random % LONGEST_WAIT_S))
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Turns an error into its answer. `headers` are kept: the router has put `Allow` there.
pub(crate) fn render(error: &Error, mut headers: HeaderMap, request_id: &str) -> Response {
    let (status, code) = classify(error);
    debug_assert!(is_documented(status, code), "{status} {code} is missing from CODES");
    let sandbox = matches!(error, Error::Sandbox { .. });
    if let Error::Flow(FlowError::Unavailable { .. } | FlowError::Store(StoreError::Unavailable(_))) = error {
        tracing::warn!(code, error = %causes(error), "a request failed");
    }
    let message = if status == StatusCode::INTERNAL_SERVER_ERROR && !sandbox {
        tracing::error!(code, error = %causes(error), "a request failed");
        "the server failed to answer; its log has the details under the request id".to_owned()
    } else {
        error.to_string()
    };
    // A retry could do twice what was not settled.
    let unsettled = matches!(error, Error::Unsettled);
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) && !unsettled {
        headers.insert(header::RETRY_AFTER, retry_after());
    }
    if let Error::Sandbox { allow: Some(methods), .. } = error
        && let Ok(methods) = HeaderValue::from_str(methods)
    {
        headers.insert(header::ALLOW, methods);
    }
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    let meta = ProblemMeta { code, request_id: request_id.to_owned() };
    let mut response = (status, Json(Problem { success: false, message, data: (), meta })).into_response();
    response.headers_mut().extend(headers);
    response
}

fn is_documented(status: StatusCode, code: &str) -> bool {
    // The sandbox also answers 418, which nothing else does.
    code == "sandbox" || CODES.iter().any(|(known, codes)| *known == status.as_u16() && codes.contains(&code))
}

/// The error with all its causes, for the log.
fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// The status and the stable code of an error.
fn classify(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::EmptyBody { .. } => (BAD, "empty_body"),
        Error::BodyTooLarge { .. } => (BAD, "body_too_large"),
        Error::BodyTooSlow => (BAD, "body_too_slow"),
        Error::BodyBroken => (BAD, "body_broken"),
        Error::UnknownCoding => (BAD, "unknown_encoding"),
        Error::NotGzip => (BAD, "not_gzip"),
        Error::NotJson { .. } => (BAD, "not_json"),
        Error::Multipart => (BAD, "multipart"),
        Error::TooDeep { .. } => (BAD, "too_deep"),
        Error::TooManyParameters { .. } => (BAD, "too_many_parameters"),
        Error::MissingField { .. } => (BAD, "missing_field"),
        Error::WrongType { .. } => (BAD, "wrong_type"),
        Error::WrongValue { .. } => (BAD, "wrong_value"),
        Error::NotBase64 { .. } => (BAD, "not_base64"),
        Error::TooManyImages { .. } => (BAD, "too_many_images"),
        Error::Sandbox { status, .. } => (StatusCode::from_u16(*status).unwrap_or(FAILED), "sandbox"),
        Error::UnknownPath => (StatusCode::NOT_FOUND, "unknown_path"),
        Error::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "wrong_method"),
        Error::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "not_acceptable"),
        Error::ConnectionsFull => (BUSY, "connections_full"),
        Error::ListsFull => (BUSY, "lists_full"),
        Error::UploadsFull => (BUSY, "uploads_full"),
        Error::RequestsFull => (BUSY, "requests_full"),
        Error::Unsettled => (BUSY, "unsettled"),
        Error::KeyReused => (BAD, "idempotency_key_reused"),
        Error::RepeatInProgress => (BUSY, "repeat_in_progress"),
        Error::AnswerLost => (StatusCode::CONFLICT, "answer_lost"),
        Error::Flow(error) => classify_flow(error),
    }
}

/// The same of what a flow reports.
fn classify_flow(error: &FlowError) -> (StatusCode, &'static str) {
    match error {
        FlowError::BadImage { .. } => (BAD, "bad_image"),
        FlowError::OtherModel { .. } => (BAD, "other_model"),
        FlowError::GalleryTooLarge { .. } => (BAD, "gallery_too_large"),
        FlowError::Unauthorized(KeyProblem::Missing) => (StatusCode::UNAUTHORIZED, "key_missing"),
        FlowError::Unauthorized(KeyProblem::Unknown) => (StatusCode::UNAUTHORIZED, "key_unknown"),
        FlowError::Unauthorized(KeyProblem::Revoked) => (StatusCode::UNAUTHORIZED, "key_revoked"),
        FlowError::Unauthorized(KeyProblem::Expired) => (StatusCode::UNAUTHORIZED, "key_expired"),
        FlowError::Forbidden { .. } => (StatusCode::FORBIDDEN, "scope_missing"),
        FlowError::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        FlowError::NotFound(_) | FlowError::Store(StoreError::NotFound { .. }) => (StatusCode::NOT_FOUND, "not_found"),
        FlowError::ImagesFull => (BUSY, "images_full"),
        FlowError::AccountBusy { .. } | FlowError::Engine(pools::Error::AccountBusy) => {
            (StatusCode::TOO_MANY_REQUESTS, "account_busy")
        }
        FlowError::Timeout | FlowError::Engine(pools::Error::Over) => (BUSY, "timeout"),
        FlowError::Store(StoreError::Repeated) => (BUSY, "repeat_in_progress"),
        FlowError::Engine(pools::Error::Busy) => (BUSY, "engine_busy"),
        FlowError::Engine(pools::Error::NotLoaded) => (BUSY, "engine_not_loaded"),
        FlowError::Store(StoreError::Gone { .. }) => (StatusCode::GONE, "deleted"),
        FlowError::Store(StoreError::TooManyEmbeddings { .. }) => (BAD, "too_many_embeddings"),
        FlowError::Store(StoreError::LastEmbedding) => (BAD, "last_embedding"),
        FlowError::Store(StoreError::LegacyIdTaken { .. }) => (BAD, "legacy_id_taken"),
        FlowError::Store(StoreError::Unavailable(_)) => (BUSY, "database_unavailable"),
        FlowError::Unavailable { .. } => (BUSY, "service_unavailable"),
        FlowError::Store(
            StoreError::Conflict(_)
            | StoreError::Url(_)
            | StoreError::CreateFile(_)
            | StoreError::NoVectors(_)
            | StoreError::Migrate(_)
            | StoreError::Empty
            | StoreError::Damaged(_)
            | StoreError::Seal(_)
            | StoreError::Database(_),
        )
        | FlowError::Engine(pools::Error::Panicked)
        | FlowError::Vision(_)
        | FlowError::Panicked
        | FlowError::Internal(_) => (FAILED, "internal"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The words in backticks of a row of the table of errors.
    fn codes_of(row: &str) -> BTreeSet<&str> {
        let quoted = row.split('`').skip(1).step_by(2);
        quoted.filter(|word| word.bytes().all(|byte| matches!(byte, b'_' | b'0'..=b'9' | b'a'..=b'z'))).collect()
    }

    #[test]
    fn the_notes_on_the_api_list_every_code_under_its_status() {
        let notes = include_str!("../../../../../docs/api.md");
        for (status, codes) in CODES {
            let row = notes.lines().find(|line| line.starts_with(&format!("| {status} |"))).unwrap();
            let codes = codes.iter().copied().filter(|code| *code != "sandbox").collect();
            assert_eq!(codes_of(row), codes, "{status}");
        }
    }
}
