//! The reference page. Its script is part of the program; the page loads nothing from elsewhere.

use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::asset::Asset;

/// Asked for again each time, and sent only when it has changed.
const REVALIDATE: &str = "no-cache";

static OPENAPI: LazyLock<Asset> = LazyLock::new(|| {
    let document = crate::http::openapi().to_json().expect("the document is plain data");
    Asset::compress("application/json", REVALIDATE, document.as_bytes())
});

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/html; charset=utf-8", REVALIDATE, &include_bytes!(concat!(env!("OUT_DIR"), "/docs.html.gz"))[..])
});

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let script = &include_bytes!(concat!(env!("OUT_DIR"), "/scalar.js.gz"))[..];
    Asset::new("text/javascript", "public, max-age=86400", script)
});

/// Keeps the browser from asking anyone but this server, whatever the script would like.
const ONLY_HERE: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                         img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'";

pub(crate) async fn openapi(request: HeaderMap) -> Response {
    OPENAPI.respond(&request)
}

pub(crate) async fn page(request: HeaderMap) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, ONLY_HERE)], PAGE.respond(&request))
}

pub(crate) async fn script(request: HeaderMap) -> Response {
    SCRIPT.respond(&request)
}
