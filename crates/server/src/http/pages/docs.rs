//! The reference page. Its script is part of the program; the page loads nothing from elsewhere.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse};
use bytes::Bytes;
use serde_json::json;

static OPENAPI: LazyLock<Bytes> =
    LazyLock::new(|| crate::http::openapi().to_json().expect("the document is plain data").into());

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let config = json!({
        "url": "/openapi.json",
        "agent": {"disabled": true},
        "mcp": {"disabled": true},
        "hideClientButton": true,
        "showDeveloperTools": "never",
        "telemetry": false,
        "withDefaultFonts": false,
    });
    scalar_api_reference::scalar_html(&config, Some("/docs/scalar.js"))
});

static SCRIPT: LazyLock<Bytes> =
    LazyLock::new(|| scalar_api_reference::get_asset("scalar.js").unwrap_or_default().into());

/// Keeps the browser from asking anyone but this server, whatever the script would like.
const ONLY_HERE: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; \
                         img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'";

pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI.clone())
}

pub(crate) async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, ONLY_HERE)], Html(PAGE.as_str()))
}

pub(crate) async fn script() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/javascript"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (headers, SCRIPT.clone())
}
