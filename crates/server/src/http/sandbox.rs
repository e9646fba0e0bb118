//! The sandbox: a key in test mode may ask for any documented error, so that its owner can test how a client takes it.

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};

use super::openapi::openapi;
use crate::http::wire::error::Error;

/// The header that asks for an error, by its status.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-sandbox-status");

/// What may be asked for: all documented errors, and 418, which nothing else is answered with.
const STATUSES: [StatusCode; 11] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::GONE,
    StatusCode::IM_A_TEAPOT,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Fails as the header asks, if it is there. For requests with a key in test mode only.
pub(super) fn check(request: &Parts) -> Result<(), Error> {
    let Some(asked) = request.headers.get(HEADER) else { return Ok(()) };
    let asked = asked.to_str().unwrap_or_default().trim();
    let Some(status) = STATUSES.into_iter().find(|status| status.as_str() == asked) else {
        let allowed = STATUSES.map(|status| status.as_str().to_owned()).join(", ");
        return Err(Error::WrongValue { field: HEADER.to_string(), problem: format!("must be one of {allowed}") });
    };
    let allow = if status == StatusCode::METHOD_NOT_ALLOWED { methods(request) } else { None };
    Err(Error::Sandbox { status: status.as_u16(), allow })
}

/// The methods of the request's path, as the router lists them when it refuses another.
fn methods(request: &Parts) -> Option<String> {
    let path = request.extensions.get::<MatchedPath>()?.as_str();
    let documented = openapi().paths.paths;
    let item = documented.get(path).or_else(|| documented.get(&format!("/v1{path}")))?;
    let methods =
        [("GET,HEAD", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)].into_iter();
    let served: Vec<&str> = methods.filter(|(_, operation)| operation.is_some()).map(|(name, _)| name).collect();
    Some(served.join(","))
}
