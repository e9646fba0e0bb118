//! Around every request: its id, its line in the log, its time limit, and the rendering of errors and panics.
//!
//! The log has the pattern of the route and never the path, the query or a name, because those identify people.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::access::Access;
use super::linger::Rest;
use super::problem;
use crate::app::App;
use crate::error::Error;
use crate::random::random_bytes;

const REQUEST_ID: &str = "x-request-id";

pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id, method = %request.method(), route, account = Empty, key = Empty);
    let (request, access) = Access::begin(request, route, span.clone());
    async {
        let mut response = answer(&app, request, next, &id).await;
        // Made or checked by `request_id`, so it is always a header value.
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        access.end(response)
    }
    .instrument(span)
    .await
}

async fn answer(app: &App, request: Request, next: Next, id: &str) -> Response {
    let (request, rest) = Rest::of(request);
    let response = tokio::select! {
        handled = AssertUnwindSafe(next.run(request)).catch_unwind() => {
            handled.unwrap_or_else(|_| Error::Panicked.into_response())
        }
        () = tokio::time::sleep(app.config.http.request_timeout) => Error::Timeout.into_response(),
        // Sooner than that, so that others can be asked.
        error = app.db.silence() => Error::Store(error).into_response(),
    };
    let Some(error) = response.extensions().get::<Arc<Error>>().cloned() else { return response };
    if !matches!(*error, Error::BodyTooSlow | Error::BodyBroken | Error::Timeout) {
        rest.discard().await;
    }
    problem::render(&error, response.headers().clone(), id)
}

/// The client's id for the request if it is harmless in a log, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let sent = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane);
    sent.map_or_else(|| BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<12>().unwrap_or_default()), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_kept_only_if_they_are_harmless() {
        let sent = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(id));
            request_id(&headers)
        };
        assert_eq!(sent("0af7-65_1.c"), "0af7-65_1.c");
        for bad in ["", "a b", "a\"b", "<script>"] {
            assert_ne!(sent(bad), bad);
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
