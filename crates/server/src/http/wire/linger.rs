//! Lets a client finish sending before the server reports that it refuses the request.
//!
//! When a connection is closed while the client still sends, its system discards the answer that already arrived: a
//! wrong key on a large upload would show as a broken connection. So what remains of the body of a refused request is
//! read and dropped, within bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

/// Most bytes that are read for nothing: as large as a request may get by default, and a bit.
const MAX_BYTES: usize = 160 << 20;
/// Longest time that is spent on it.
const MAX_TIME: Duration = Duration::from_secs(5);

/// What remains of a request's body after its handler is done.
pub(crate) struct Rest(Option<Shared>);

#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Rest {
    /// Keeps a hold on the body of a request. There is none for a client that waits to be asked for its body.
    pub(crate) fn of(request: Request) -> (Request, Self) {
        let waits = request.headers().contains_key(header::EXPECT);
        if waits || request.body().is_end_stream() {
            return (request, Self(None));
        }
        let (parts, body) = request.into_parts();
        let shared = Shared(Arc::new(Mutex::new(body)));
        (Request::from_parts(parts, Body::new(shared.clone())), Self(Some(shared)))
    }

    /// Reads and drops what remains.
    pub(crate) async fn discard(self) {
        let Some(mut body) = self.0 else { return };
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > MAX_BYTES {
                    return;
                }
            }
        };
        // Too slow is as good as done: the client had its chance.
        let _ = tokio::time::timeout(MAX_TIME, read).await;
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
