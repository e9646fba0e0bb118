//! Refuses requests whose `Accept` header excludes JSON, which is all that the API answers.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::Error;

pub(crate) async fn check(request: Request, next: Next) -> Response {
    if takes_json(request.headers()) { next.run(request).await } else { Error::NotAcceptable.into_response() }
}

/// Whether any `Accept` header has a range that covers `application/json`; no header, or an empty one, takes anything.
fn takes_json(headers: &HeaderMap) -> bool {
    let values: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    values.iter().all(|value| value.trim().is_empty())
        || values.iter().flat_map(|value| value.split(',')).any(covers_json)
}

fn covers_json(range: &str) -> bool {
    let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let refused = parts.any(|part| {
        let weight = part.strip_prefix("q=").map(str::parse::<f32>);
        weight.is_some_and(|weight| weight.is_ok_and(|weight| weight <= 0.0))
    });
    // "*" alone is what Java's HttpURLConnection sends.
    !refused && matches!(kind.as_str(), "*/*" | "application/*" | "application/json" | "*")
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
        ] {
            assert!(accepts(taken), "{taken}");
        }
        for refused in ["text/html", "application/xml, image/*", "application/json;q=0", "application/json; q=0.0"] {
            assert!(!accepts(refused), "{refused}");
        }
    }
}
