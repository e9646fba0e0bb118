//! Requests that a client sends again under its `Idempotency-Key`: they change something once and get the same answer again.
//!
//! The key is noted in the transaction of the change (`Principal::write`), so that it does not matter where the first request
//! stopped. A request that changes nothing, because it is wrong or only reads, is simply carried out again.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use vultus_store::idempotency::{self, Done};

use crate::app::App;
use crate::auth::principal::{Fingerprint, Principal, Repeat};
use crate::clock::{self, micros};
use crate::error::Error as FlowError;
use crate::http::wire::error::Error;

/// The header with the key of the client.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest key in characters.
pub(crate) const MAX_KEY_CHARS: usize = 255;
/// Longest answer that is kept. Answers to changes have a few hundred bytes.
const MAX_ANSWER_BYTES: usize = 256 << 10;
/// How long a request may still run after its time is over. Then its answer counts as lost.
const AFTERWARDS: Duration = Duration::from_mins(1);

/// Why a request is not carried out.
pub(crate) enum Refused {
    Error(Error),
    /// It was before, with this answer.
    Again(u16, Vec<u8>),
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Again(status, body) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (status, [json, (REPLAYED, HeaderValue::from_static("true"))], body).into_response()
            }
        }
    }
}

/// The key that a request has, if it may change something.
///
/// # Errors
/// [`Error::WrongValue`] names the header.
pub(crate) fn of(method: &Method, headers: &HeaderMap, app: &App) -> Result<Option<Repeat>, Error> {
    let Some(key) = headers.get(KEY).filter(|_| !method.is_safe()) else { return Ok(None) };
    let is_key = |key: &&str| {
        (1..=MAX_KEY_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    let key = key.to_str().ok().filter(is_key).ok_or_else(|| Error::WrongValue {
        field: "Idempotency-Key".into(),
        problem: format!("must have 1 to {MAX_KEY_CHARS} ASCII characters: send a random one, such as a UUID"),
    })?;
    let since = app.config.retention.repeatable_since(clock::now_us());
    Ok(Some(Repeat::new(key.to_owned(), since)))
}

/// Whether a client that gets no answer may send its request again.
pub(crate) fn is_repeatable(headers: &HeaderMap) -> bool {
    headers.contains_key(KEY)
}

/// The hash of method, address and body.
pub(crate) fn fingerprint(method: &Method, uri: &Uri, body: &[u8]) -> Fingerprint {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let start = Sha256::new().chain_update(method.as_str()).chain_update([0]).chain_update(target).chain_update([0]);
    start.chain_update(body).finalize().into()
}

/// Lets a request pass that has not made its change yet.
///
/// # Errors
/// [`Refused::Again`] with the answer of before; [`Error::KeyReused`] for another request under the same key,
/// [`Error::RepeatInProgress`] and [`Error::AnswerLost`] where there is no answer.
pub(crate) async fn check(app: &App, caller: &Principal, fingerprint: Fingerprint) -> Result<(), Refused> {
    let Some(repeat) = &caller.repeat else { return Ok(()) };
    repeat.set_fingerprint(fingerprint);
    let found = idempotency::by_key(&app.db, caller.account, &repeat.key, repeat.since).await?;
    let Some(Done { fingerprint: of_before, created, answer }) = found else { return Ok(()) };
    if of_before != fingerprint {
        return Err(Error::KeyReused.into());
    }
    let longest = micros(app.config.http.request_timeout + AFTERWARDS);
    match answer {
        Some((status, body)) => Err(Refused::Again(status, body)),
        None if clock::now_us() - created < longest => Err(Error::RepeatInProgress.into()),
        None => Err(Error::AnswerLost.into()),
    }
}

/// Keeps the answer to a request that made a change under a key.
pub(crate) async fn keep(app: &App, caller: &Principal, response: Response) -> Response {
    let Some((repeat, fingerprint)) = caller.repeat.as_ref().and_then(|repeat| Some((repeat, repeat.claimed()?)))
    else {
        return response;
    };
    if !response.status().is_success() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, MAX_ANSWER_BYTES).await {
        Ok(body) => body,
        Err(error) => return Error::Flow(FlowError::Internal(error.into())).into_response(),
    };
    let kept = async {
        let mut tx = app.db.write(caller.account).await?;
        let status = parts.status.as_u16();
        idempotency::keep_answer(&mut tx, caller.account, &repeat.key, &fingerprint, status, &body).await?;
        tx.commit().await
    };
    if let Err(error) = kept.await {
        tracing::warn!(%error, "cannot keep the answer for a client that may ask again");
    }
    Response::from_parts(parts, Body::from(body))
}
