//! Around every request: its id, its line in the log, its time limit, and the rendering of errors and panics.
//!
//! The log has the pattern of the route and never the path, the query or a name, because those identify people
//! (`tests/api/markers.rs`).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::sync::oneshot;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::access::{self, Access};
use super::linger::Rest;
use super::{problem, repeat};
use crate::app::App;
use crate::error::Error as FlowError;
use crate::http::wire::error::Error;
use crate::origin::Presence;
use crate::random::random_bytes;

const REQUEST_ID: &str = "x-request-id";
/// How long a request whose time is over may take to end by itself.
const SETTLING: Duration = Duration::from_secs(1);

pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let method = access::method(request.method());
    let span = tracing::info_span!("request", id, %method, route, account = Empty, key = Empty);
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

/// The handler runs in a task of its own, which a client that hangs up does not stop: what it has begun it finishes.
async fn answer(app: &App, request: Request, next: Next, id: &str) -> Response {
    let (mut request, rest) = Rest::of(request);
    let is_safe = request.method().is_safe();
    let is_repeatable = repeat::is_repeatable(request.headers());
    let (waiting, presence) = Presence::new();
    request.extensions_mut().insert(presence.clone());
    let (sender, mut answered) = oneshot::channel();
    let id_of_handler = id.to_owned();
    let handler = async move {
        handle(request, next, sender, &id_of_handler).await;
        // The request counts against its account until here.
        drop(presence);
    };
    let handler = handler.in_current_span();
    let handler = app.handlers.spawn(handler);
    let response = tokio::select! {
        handled = &mut answered => response_of(handled),
        () = tokio::time::sleep(app.config.http.request_timeout) => {
            drop(waiting);
            settle(answered, is_safe, is_repeatable).await
        }
        // Sooner than that, so that others can be asked. The handler waits for a database that is silent.
        error = app.db.silence() => {
            handler.abort();
            Error::from(error).into_response()
        }
    };
    let Some(error) = response.extensions().get::<Arc<Error>>().cloned() else { return response };
    if !matches!(
        *error,
        Error::BodyTooSlow
            | Error::BodyBroken
            | Error::Flow(FlowError::Timeout)
            | Error::Unsettled
            | Error::RepeatInProgress
    ) {
        rest.discard().await;
    }
    problem::render(&error, response.headers().clone(), id)
}

/// Runs the handler. An answer that nobody waits for goes to the log.
async fn handle(request: Request, next: Next, answer: oneshot::Sender<Response>, id: &str) {
    let Err(mut unsent) = answer.send(next.run(request).await) else { return };
    if let Some(error) = unsent.extensions().get::<Arc<Error>>().cloned() {
        unsent = problem::render(&error, HeaderMap::new(), id);
    }
    tracing::info!(status = unsent.status().as_u16(), "ended after its client had gone or its time was over");
}

/// A handler that panics drops its sender.
fn response_of(handled: Result<Response, oneshot::error::RecvError>) -> Response {
    handled.unwrap_or_else(|_| Error::Flow(FlowError::Panicked).into_response())
}

/// The answer to a request whose time is over. Work that has changed nothing stops by itself at once, and what had begun to
/// write mostly ends a moment later: then the answer is what came of it.
async fn settle(answered: oneshot::Receiver<Response>, is_safe: bool, is_repeatable: bool) -> Response {
    match tokio::time::timeout(SETTLING, answered).await {
        Ok(handled) => response_of(handled),
        Err(_) if is_safe => Error::Flow(FlowError::Timeout).into_response(),
        Err(_) if is_repeatable => Error::RepeatInProgress.into_response(),
        Err(_) => Error::Unsettled.into_response(),
    }
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
