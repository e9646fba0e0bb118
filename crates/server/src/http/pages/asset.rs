//! Files that never change while the server runs: compressed once, and sent again only to those who lack them.

use std::io::{Read as _, Write as _};
use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// Bytes of a hash that tell the versions of a file apart.
const TAG_BYTES: usize = 9;

/// A file in the compressed form that all browsers take.
pub(super) struct Asset {
    content_type: &'static str,
    cache_control: &'static str,
    gzip: Bytes,
    /// Made when the first client comes that does not take the compressed form.
    plain: OnceLock<Bytes>,
    /// A hash of the content.
    tag: String,
}

impl Asset {
    /// A file that was compressed by the build.
    pub(super) fn new(content_type: &'static str, cache_control: &'static str, gzip: impl Into<Bytes>) -> Self {
        let gzip = gzip.into();
        let tag = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&gzip)[..TAG_BYTES]);
        Self { content_type, cache_control, gzip, plain: OnceLock::new(), tag }
    }

    /// A file that is made at run time.
    pub(super) fn compress(content_type: &'static str, cache_control: &'static str, plain: &[u8]) -> Self {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = gzip.write_all(plain).and_then(|()| gzip.finish()).expect("memory takes all bytes");
        Self::new(content_type, cache_control, gzip)
    }

    /// The answer to a request with these headers.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let compressed = takes_gzip(request);
        let tag = format!("\"{}{}\"", self.tag, if compressed { "-gzip" } else { "" });
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known = known.flat_map(|value| value.split(',')).map(str::trim);
        let is_known = { known }.any(|known| known == "*" || known.trim_start_matches("W/") == tag);
        let mut response = match (is_known, compressed) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, true) => ([(header::CONTENT_ENCODING, "gzip")], self.gzip.clone()).into_response(),
            (false, false) => self.plain().into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.extend(HeaderValue::from_str(&tag).map(|tag| (header::ETAG, tag)));
        response
    }

    fn plain(&self) -> Bytes {
        let decompress = || {
            let mut plain = Vec::new();
            GzDecoder::new(&*self.gzip).read_to_end(&mut plain).expect("it was compressed here or by the build");
            plain.into()
        };
        self.plain.get_or_init(decompress).clone()
    }
}

/// Whether a client takes gzip: it names it, or `*`, and does not give it the weight 0.
fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let weight = |coding: &str| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().filter(|name| name.eq_ignore_ascii_case("gzip") || *name == "*")?;
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        Some((name != "*", weight))
    };
    // What is said of gzip by name holds before what is said of all.
    values
        .flat_map(|value| value.split(','))
        .filter_map(weight)
        .max_by_key(|(named, _)| *named)
        .is_some_and(|(_, weight)| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn headers(sent: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        sent.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (sent, taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("deflate, br", false),
            ("gzip;q=0", false),
            ("*, gzip;q=0", false),
            ("*;q=0, gzip", true),
        ] {
            assert_eq!(takes_gzip(&headers(&[(header::ACCEPT_ENCODING, sent)])), taken, "{sent}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_file_is_sent_once_to_each_client() {
        let asset = Asset::compress("text/plain", "no-cache", b"hello");
        let gzip = (header::ACCEPT_ENCODING, "gzip");
        let first = asset.respond(&headers(from_ref(&gzip)));
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = |sent: String| {
            let mut request = headers(from_ref(&gzip));
            request.insert(header::IF_NONE_MATCH, sent.parse().unwrap());
            asset.respond(&request).status().as_u16()
        };
        assert_eq!(again(tag.clone()), 304);
        assert_eq!(again(format!("\"other\", W/{tag}")), 304);
        assert_eq!(again("\"other\"".into()), 200);
        let plain = asset.respond(&HeaderMap::new());
        assert_ne!(plain.headers()[header::ETAG].to_str().unwrap(), tag, "the other form is another thing");
        assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
    }
}
