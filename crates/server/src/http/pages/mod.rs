//! What people and monitors open: the reference of the API, and the health of the server.

mod asset;
pub(super) mod docs;
pub(super) mod health;
pub(super) mod metrics;

use axum::http::{HeaderName, HeaderValue, header};

/// What a page may do unless it says otherwise: nothing.
const STRICT: HeaderValue =
    HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");

/// The headers of all pages: a browser keeps them to this server, does not guess what they are, and tells no other server about
/// them.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, STRICT),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];
