//! Receives request bodies within the limits on length, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::budget::UNIT_BYTES;
use crate::config;
use crate::error::Error;

/// A body that has arrived as a whole. Its memory is accounted for until this is dropped, so handlers keep it while
/// they work on what they decoded from it.
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Upload {
    /// Hands the body over, so that it can be freed as soon as it is parsed; its memory stays accounted for, since what
    /// was decoded from it is still there.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes)
    }
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Error> {
        let limits = &app.config.http;
        let announced = announced_length(request.headers());
        if announced.is_some_and(|length| length > limits.max_body_bytes) {
            return Err(Error::BodyTooLarge { limit: limits.max_body_bytes });
        }
        let mut memory = Memory { pool: &app.body_memory, held: None, bytes: 0 };
        memory.grow_to(announced.unwrap_or(0))?;
        let bytes = receive(request.into_body(), limits, &mut memory, announced.unwrap_or(0)).await?;
        Ok(Self { bytes, _memory: memory.held })
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads frame by frame. The capacity asked for is already covered by `memory`.
async fn receive(
    mut body: Body,
    limits: &config::Http,
    memory: &mut Memory<'_>,
    capacity: usize,
) -> Result<Bytes, Error> {
    let deadline = Instant::now() + limits.body_timeout;
    let mut bytes = BytesMut::with_capacity(capacity);
    while let Some(frame) = next_frame(&mut body, deadline, limits.body_idle_timeout).await? {
        let total = bytes.len() + frame.len();
        if total > limits.max_body_bytes {
            return Err(Error::BodyTooLarge { limit: limits.max_body_bytes });
        }
        memory.grow_to(total)?;
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes.freeze())
}

/// The next bytes, or none at the end of the body.
async fn next_frame(body: &mut Body, deadline: Instant, idle: Duration) -> Result<Option<Bytes>, Error> {
    loop {
        let until = deadline.min(Instant::now() + idle);
        match timeout_at(until, body.frame()).await {
            Err(_) => return Err(Error::BodyTooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Error::BodyBroken),
            Ok(Some(Ok(frame))) => {
                // Anything else is a trailer.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The share of one body in the memory for bodies.
struct Memory<'a> {
    pool: &'a Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Memory<'_> {
    /// Takes what is missing for a body of this length, or fails at once: waiting could block for ever, since others
    /// that hold a part may wait for the rest.
    fn grow_to(&mut self, bytes: usize) -> Result<(), Error> {
        let missing = bytes.div_ceil(UNIT_BYTES).saturating_sub(self.bytes.div_ceil(UNIT_BYTES));
        if missing > 0 {
            let count = u32::try_from(missing).map_err(|_| Error::UploadsFull)?;
            let more = self.pool.clone().try_acquire_many_owned(count).map_err(|_| Error::UploadsFull)?;
            match &mut self.held {
                Some(held) => held.merge(more),
                None => self.held = Some(more),
            }
            self.bytes = bytes;
        }
        Ok(())
    }
}
