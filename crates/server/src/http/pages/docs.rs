//! The reference page. Its scripts are part of the program; the page loads nothing from elsewhere.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::asset::Asset;

/// Asked for again each time, and sent only when it has changed.
const REVALIDATE: &str = "no-cache";

static OPENAPI: LazyLock<Asset> = LazyLock::new(|| {
    let document = crate::http::openapi().to_json().expect("the document is plain data");
    Asset::compress("application/json", REVALIDATE, document.as_bytes())
});

/// A file that the build has compressed.
macro_rules! built {
    ($content_type:literal, $name:literal) => {
        LazyLock::new(|| {
            let gzip = &include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))[..];
            Asset::new($content_type, REVALIDATE, gzip)
        })
    };
}

static PAGE: LazyLock<Asset> = built!("text/html; charset=utf-8", "docs.html");
static START: LazyLock<Asset> = built!("text/javascript", "docs.js");
static SCALAR: LazyLock<Asset> = built!("text/javascript", "scalar.js");

/// What the page needs beyond what [all pages](super::STRICT) may do: its own scripts, the styles that they write into the page, and
/// this server. So the browser asks nobody else, whatever the scripts would like.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; \
     font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(crate) async fn openapi(request: HeaderMap) -> Response {
    OPENAPI.respond(&request)
}

pub(crate) async fn page(request: HeaderMap) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], PAGE.respond(&request))
}

pub(crate) async fn start(request: HeaderMap) -> Response {
    START.respond(&request)
}

pub(crate) async fn scalar(request: HeaderMap) -> Response {
    SCALAR.respond(&request)
}
