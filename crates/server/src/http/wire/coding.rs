//! Codings of request bodies (RFC 9110, section 8.4): none or gzip. A body is decoded as it comes, so the limits hold for what is in it.

use std::io::{self, Write};

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::write::GzDecoder;

use crate::error::Error as FlowError;
use crate::http::wire::error::Error;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not at all.
    Plain,
    /// By gzip, as one member (RFC 1952).
    Gzip,
}

impl Coding {
    /// The coding that the headers of a request name.
    ///
    /// # Errors
    /// [`Error::UnknownCoding`].
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let values = headers.get_all(header::CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?"));
        let codings = values.flat_map(|value| value.split(',')).map(str::trim);
        let mut codings = codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Ok(Self::Plain),
            (Some(one), None) if ["gzip", "x-gzip"].iter().any(|gzip| one.eq_ignore_ascii_case(gzip)) => Ok(Self::Gzip),
            _ => Err(Error::UnknownCoding),
        }
    }
}

/// A body on its way to a sink. An [`Error`] of the sink travels through [`io::Error`].
pub(super) enum Decoder<W: Write> {
    Plain(W),
    Gzip(Box<GzDecoder<W>>),
}

impl<W: Write + Send + 'static> Decoder<W> {
    pub(super) fn new(coding: Coding, sink: W) -> Self {
        match coding {
            Coding::Plain => Self::Plain(sink),
            Coding::Gzip => Self::Gzip(Box::new(GzDecoder::new(sink))),
        }
    }

    /// Takes the next bytes. They are decoded off the async threads: a thousand times as many may come out.
    ///
    /// # Errors
    /// Those of the sink, and [`Error::NotGzip`].
    pub(super) async fn take(self, bytes: Bytes) -> Result<Self, Error> {
        match self {
            Self::Plain(mut sink) => sink.write_all(&bytes).map_err(failure).map(|()| Self::Plain(sink)),
            Self::Gzip(mut decoder) => {
                let decode = move || decoder.write_all(&bytes).map_err(failure).map(|()| Self::Gzip(decoder));
                tokio::task::spawn_blocking(decode).await.map_err(|_| FlowError::Panicked)?
            }
        }
    }

    /// The sink, when all bytes have come.
    ///
    /// # Errors
    /// Those of the sink, and [`Error::NotGzip`] if the end is missing or a checksum is wrong.
    pub(super) fn finish(self) -> Result<W, Error> {
        match self {
            Self::Plain(sink) => Ok(sink),
            Self::Gzip(decoder) => decoder.finish().map_err(failure),
        }
    }
}

fn failure(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or(Error::NotGzip)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_decoded_once_and_other_codings_are_refused() {
        let coding = |values: &[&'static str]| {
            let headers = values.iter().map(|value| (header::CONTENT_ENCODING, HeaderValue::from_static(value)));
            Coding::of(&headers.collect())
        };
        for plain in [&[][..], &[""], &["identity"], &["Identity, identity"]] {
            assert_eq!(coding(plain).unwrap(), Coding::Plain, "{plain:?}");
        }
        for gzip in [&["gzip"][..], &["X-GZIP"], &["identity, gzip"], &["", "gzip"]] {
            assert_eq!(coding(gzip).unwrap(), Coding::Gzip, "{gzip:?}");
        }
        for other in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["utf-8"], &["gzip;q=1"]] {
            assert!(matches!(coding(other), Err(Error::UnknownCoding)), "{other:?}");
        }
    }
}
