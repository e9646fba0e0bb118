//! Refuses requests whose `Accept` header excludes JSON, which is all that the API answers.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::http::wire::error::Error;

pub(crate) async fn check(request: Request, next: Next) -> Response {
    if takes_json(request.headers()) { next.run(request).await } else { Error::NotAcceptable.into_response() }
}

/// Whether the `Accept` headers cover `application/json`; no header, or an empty one, takes anything. The most specific range
/// that covers it decides (RFC 9110, 12.5.1): `application/json;q=0, */*` refuses it.
fn takes_json(headers: &HeaderMap) -> bool {
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.iter().all(|value| value.trim().is_empty()) {
        return true;
    }
    let ranges = values.iter().flat_map(|value| value.split(',')).filter_map(covers_json);
    ranges.max().is_some_and(|(_, taken)| taken)
}

/// How specifically a range covers JSON, and whether its weight is above 0; none if it covers other types only.
fn covers_json(range: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let specific = match parts.next().unwrap_or_default().as_str() {
        "application/json" => 2,
        "application/*" => 1,
        // "*" alone is what Java's HttpURLConnection sends.
        "*/*" | "*" => 0,
        _ => return None,
    };
    let weight = parts.find_map(|part| part.strip_prefix("q=").map(str::parse::<f32>));
    let refused = weight.is_some_and(|weight| weight.is_ok_and(|weight| weight <= 0.0));
    Some((specific, !refused))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepts(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(value));
        takes_json(&headers)
    }

    #[test]
    fn only_a_header_without_json_refuses() {
        assert!(takes_json(&HeaderMap::new()));
        for taken in [
            "",
            "*/*",
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/html, application/*;q=0.1",
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "*/*;q=0, application/json",
            "application/json;q=0, application/json",
        ] {
            assert!(accepts(taken), "{taken}");
        }
        for refused in [
            "text/html",
            "application/xml, image/*",
            "application/json;q=0",
            "application/json; q=0.0",
            "application/json;q=0, */*",
            "*/*, application/*;q=0",
        ] {
            assert!(!accepts(refused), "{refused}");
        }
    }
}
