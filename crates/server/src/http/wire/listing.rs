//! Lists of any length: the answer is written while the database is read, in constant memory.
//!
//! A list that is short, or that fails before it gets long, is an ordinary answer. A longer one goes out in pieces while one
//! statement of the database is read, so that no row is missed or doubled while others write. If that fails, or the client takes too
//! long, the connection is cut: the client sees that the answer is not whole.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use crate::app::App;
use crate::error::Error as FlowError;
use crate::http::wire::error::Error;

/// Items that are gathered before a list counts as long.
const SHORT: usize = 1_000;
/// Bytes that are sent at a time.
const PIECE_BYTES: usize = 64 << 10;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How items become the elements of `data`.
pub(crate) trait Elements: Send + 'static {
    /// What the database sends.
    type Item: Send + 'static;

    /// Writes an item.
    fn push(&mut self, out: &mut Vec<u8>, item: Self::Item) -> serde_json::Result<()>;

    /// Writes what is missing at the end.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// Elements that are an item each.
pub(crate) struct Each<T, F> {
    show: F,
    separator: &'static [u8],
    item: std::marker::PhantomData<fn(T)>,
}

impl<T, F> Each<T, F> {
    /// Shows each item as what `show` makes of it.
    pub(crate) fn new(show: F) -> Self {
        Self { show, separator: b"", item: std::marker::PhantomData }
    }
}

impl<T: Send + 'static, S: Serialize, F: Fn(T) -> S + Send + 'static> Elements for Each<T, F> {
    type Item = T;

    fn push(&mut self, out: &mut Vec<u8>, item: T) -> serde_json::Result<()> {
        out.extend(std::mem::replace(&mut self.separator, b","));
        serde_json::to_writer(out, &(self.show)(item))
    }
}

/// Answers with the list that `read` sends.
///
/// # Errors
/// Those of `read` before the answer has begun, and [`Error::ListsFull`] for a long list while many others are being sent.
pub(crate) async fn answer<E, R, Fut>(app: &App, mut elements: E, read: R) -> Result<Response, Error>
where
    E: Elements,
    R: FnOnce(mpsc::Sender<E::Item>) -> Fut,
    Fut: Future<Output = vultus_store::Result<()>> + Send + 'static,
{
    let (sender, mut items) = mpsc::channel(SHORT);
    let (reading, longest) = (read(sender), app.config.http.list_timeout);
    let reader = tokio::spawn(async move { tokio::time::timeout(longest, reading).await });
    let mut out = br#"{"success":true,"message":null,"data":["#.to_vec();
    for _ in 0..SHORT {
        let Some(item) = items.recv().await else {
            end(reader).await?;
            elements.finish(&mut out);
            out.extend(b"]}");
            return Ok(([(header::CONTENT_TYPE, JSON)], out).into_response());
        };
        elements.push(&mut out, item).map_err(anyhow::Error::from)?;
    }
    let permit = Arc::clone(&app.long_lists).try_acquire_owned().map_err(|_| Error::ListsFull)?;
    let long = Long { items, elements, out, reader: Some(reader), _permit: permit };
    let body = Body::from_stream(stream::try_unfold(long, Long::next));
    Ok(([(header::CONTENT_TYPE, JSON)], body).into_response())
}

type Reader = JoinHandle<Result<vultus_store::Result<()>, tokio::time::error::Elapsed>>;

/// What came of reading to the end.
async fn end(reader: Reader) -> Result<(), Error> {
    Ok(reader.await.map_err(|_| FlowError::Panicked)?.map_err(|_| FlowError::Timeout)??)
}

/// A long list on its way.
struct Long<E: Elements> {
    items: mpsc::Receiver<E::Item>,
    elements: E,
    out: Vec<u8>,
    /// Until it has ended.
    reader: Option<Reader>,
    _permit: OwnedSemaphorePermit,
}

impl<E: Elements> Long<E> {
    /// The next piece, none after the last.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while self.out.len() < PIECE_BYTES {
            if let Some(item) = self.items.recv().await {
                self.elements.push(&mut self.out, item)?;
                continue;
            }
            let Some(reader) = self.reader.take() else { break };
            if let Err(error) = end(reader).await {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "a list is cut off");
                return Err(io::Error::other("the list could not be read to its end"));
            }
            self.elements.finish(&mut self.out);
            self.out.extend(b"]}");
        }
        let piece = Bytes::from(std::mem::take(&mut self.out));
        Ok((!piece.is_empty()).then_some((piece, self)))
    }
}
