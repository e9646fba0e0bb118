//! Receives request bodies within the limits on length, time and memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};
use vultus_vision::DecodeError;

use super::coding::{Coding, Decoder};
use crate::app::App;
use crate::budget::{Held, Refusal, upload_peak_bytes};
use crate::error::Error as FlowError;
use crate::flows::Picture;
use crate::http::wire::error::Error;
use crate::origin::Origin;

/// A body that has arrived as a whole. Its memory is accounted for until this, and all pictures that were made of it, are
/// dropped.
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    /// Longest image file.
    max_image_bytes: usize,
    origin: Origin,
    memory: Arc<Held>,
}

impl Upload {
    /// Receives the body of a request, of at most `longest` bytes before and after it is decoded.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`], [`Error::BodyTooSlow`], [`Error::BodyBroken`], [`FlowError::BadImage`], [`Error::UploadsFull`],
    /// [`FlowError::AccountBusy`], [`Error::UnknownCoding`], [`Error::NotGzip`].
    pub(crate) async fn receive(request: Request, app: &App, longest: usize) -> Result<Self, Error> {
        let origin = request.extensions().get::<Origin>().cloned();
        let origin = origin.ok_or_else(|| anyhow::anyhow!("a body of nobody's"))?;
        let coding = Coding::of(request.headers())?;
        let announced = announced_length(request.headers());
        let (max_body_bytes, max_image_bytes) = (longest, app.config.images.max_image_bytes);
        if announced.is_some_and(|length| length > max_body_bytes) {
            return Err(Error::BodyTooLarge { limit: max_body_bytes });
        }
        let memory = app.uploads.take(origin.account, 0).map_err(refused)?;
        // How long a coded body is in the end is not known before.
        let announced = announced.filter(|_| coding == Coding::Plain);
        let receiver =
            Receiver { announced, max_body_bytes, max_image_bytes, memory, bytes: Vec::new(), content: None };
        let (patience, idle) = (app.config.http.body_timeout, app.config.http.body_idle_timeout);
        let received = tokio::select! {
            received = receiver.receive(request.into_body(), coding, patience, idle) => received?,
            () = origin.presence.over() => return Err(FlowError::Timeout.into()),
        };
        let Receiver { bytes, memory, .. } = received;
        Ok(Self { bytes: bytes.into(), max_image_bytes, origin, memory: Arc::new(memory) })
    }

    /// The body itself as a picture.
    pub(crate) fn as_picture(&self) -> Picture {
        Picture::new(None, self.bytes.clone(), self.origin.clone(), Some(self.memory.clone()))
    }

    /// A picture in base64 that a parameter of the body has. The length is checked before it is decoded.
    pub(crate) fn picture(&self, field: &str, base64: &str) -> Result<Picture, Error> {
        let (bytes, limit) = (super::base64::decoded_bytes(base64), self.max_image_bytes);
        if bytes > limit {
            let source = DecodeError::TooManyBytes { bytes, limit };
            return Err(FlowError::BadImage { field: Some(field.to_owned()), source }.into());
        }
        let bytes = super::base64::decode(base64).ok_or_else(|| Error::NotBase64 { field: field.to_owned() })?;
        Ok(Picture::new(Some(field.to_owned()), bytes.into(), self.origin.clone(), Some(self.memory.clone())))
    }

    /// Frees the text of a body that was read; the pictures that were decoded from it stay accounted for.
    pub(crate) fn free(self) {
        let length = self.bytes.len();
        drop(self.bytes);
        self.memory.shrink_to(self.memory.count().saturating_sub(length));
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Full => Error::UploadsFull,
        Refusal::Share => FlowError::AccountBusy { what: "bytes of uploads" }.into(),
    }
}

/// What a body is, by its first byte: no image format begins with a brace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Json,
    Picture,
}

impl Content {
    /// None while there is only white space.
    fn of(start: &[u8]) -> Option<Self> {
        let first = super::json::first_byte(start)?;
        Some(if first == b'{' { Self::Json } else { Self::Picture })
    }
}

/// A body that arrives, decoded. Its memory is taken before it is received.
struct Receiver {
    announced: Option<usize>,
    max_body_bytes: usize,
    max_image_bytes: usize,
    memory: Held,
    bytes: Vec<u8>,
    /// What it is, once that is known.
    content: Option<Content>,
}

impl Receiver {
    /// Reads frame by frame, for at most `longest` in all and `idle` without a byte.
    async fn receive(self, mut body: Body, coding: Coding, longest: Duration, idle: Duration) -> Result<Self, Error> {
        let deadline = Instant::now() + longest;
        let Some(first) = next_frame(&mut body, deadline, idle).await? else { return Ok(self) };
        let mut decoder = Decoder::new(coding, self).take(first).await?;
        while let Some(frame) = next_frame(&mut body, deadline, idle).await? {
            decoder = decoder.take(frame).await?;
        }
        decoder.finish()
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.content = self.content.or_else(|| Content::of(bytes));
        let length = self.bytes.len() + bytes.len();
        let expected = self.announced.map_or(length, |announced| announced.max(length));
        let is_picture = self.content == Some(Content::Picture);
        if is_picture && expected > self.max_image_bytes {
            let source = DecodeError::TooManyBytes { bytes: expected, limit: self.max_image_bytes };
            return Err(FlowError::BadImage { field: None, source }.into());
        }
        if length > self.max_body_bytes {
            return Err(Error::BodyTooLarge { limit: self.max_body_bytes });
        }
        let room = self.room(expected);
        let memory = if is_picture { room } else { upload_peak_bytes(room) };
        self.memory.grow_to(memory).map_err(refused)?;
        self.bytes.reserve_exact(room - self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Bytes to have room for when so many are expected: twice as many as before while nobody knows how long the body is, or it would
    /// be copied too often.
    fn room(&self, expected: usize) -> usize {
        let capacity = self.bytes.capacity();
        if expected <= capacity { capacity } else { (2 * capacity).min(self.max_body_bytes).max(expected) }
    }
}

impl io::Write for Receiver {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

#[cfg(any(test, fuzzing))]
impl Upload {
    /// A body that has arrived.
    pub(super) fn of(bytes: Bytes) -> Self {
        let account = vultus_store::Id::new(vultus_store::Kind::Account, 1, [0; 8]);
        let memory = crate::budget::Budget::new(1 << 30, 1.0, 0)
            .take(account, upload_peak_bytes(bytes.len()))
            .expect("its own budget has room");
        Self { bytes, max_image_bytes: 1 << 10, origin: Origin::own(account), memory: Arc::new(memory) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn the_memory_of_a_body_of_unknown_length_is_accounted_for() {
        let account = vultus_store::Id::new(vultus_store::Kind::Account, 1, [0; 8]);
        let memory = Budget::new(3_000_000, 1.0, 0).take(account, 0).unwrap();
        let (max_body_bytes, max_image_bytes) = (1_000_000, 900_000);
        let mut receiver =
            Receiver { announced: None, max_body_bytes, max_image_bytes, memory, bytes: Vec::new(), content: None };
        let mut chunks = 0;
        while receiver.take(&[b'x'; 1_000]).is_ok() {
            assert!(receiver.memory.count() >= receiver.bytes.capacity(), "after {} bytes", receiver.bytes.len());
            chunks += 1;
        }
        assert_eq!((chunks, receiver.bytes.capacity()), (900, 1_000_000));
    }
}
