//! The line of the log, and the figures, of each request: written when its answer has been sent, or its client has gone.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tracing::Span;

use crate::metrics::{self, METRICS};

/// The status of a request whose client had gone before the answer: nobody receives it.
const CLIENT_GONE: u16 = 499;

/// What is written about a request when this is dropped.
pub(super) struct Access {
    span: Span,
    labels: metrics::Request,
    started: Instant,
    /// Time until the answer was ready.
    ready: Option<Duration>,
    received: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
}

impl Access {
    /// Begins to count the bytes and the time of a request.
    pub(super) fn begin(request: Request, route: String, span: Span) -> (Request, Self) {
        let labels = metrics::Request { method: method(request.method()), route, status: CLIENT_GONE };
        let (received, sent) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let access = Self { span, labels, started: Instant::now(), ready: None, received: received.clone(), sent };
        (request.map(|body| Body::new(Counted { body, bytes: received, _access: None })), access)
    }

    /// Counts what is sent of the answer, and writes the line when that has ended.
    pub(super) fn end(mut self, response: Response) -> Response {
        self.labels.status = response.status().as_u16();
        self.ready = Some(self.started.elapsed());
        let bytes = self.sent.clone();
        response.map(|body| Body::new(Counted { body, bytes, _access: Some(self) }))
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let (received, sent) = (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed));
        METRICS.received_bytes.inc_by(received);
        METRICS.sent_bytes.inc_by(sent);
        let time = self.ready.unwrap_or_else(|| self.started.elapsed());
        METRICS.answered(&self.labels, time);
        let (status, ms) = (self.labels.status, time.as_millis() as u64);
        let _span = self.span.enter();
        let message = if self.ready.is_some() { "answered" } else { "the client has gone" };
        tracing::info!(status, ms, received, sent, message);
    }
}

/// The method for the log and the figures. A client can send any word; only those of the standard are told apart.
pub(super) fn method(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PATCH];
    const NAMES: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    KNOWN.iter().position(|known| known == method).map_or("other", |at| NAMES[at])
}

/// A body whose bytes are counted.
struct Counted {
    body: Body,
    bytes: Arc<AtomicU64>,
    /// Ends with the body of the answer.
    _access: Option<Access>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.bytes.fetch_add(frame.data_ref().map_or(0, Bytes::len) as u64, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
