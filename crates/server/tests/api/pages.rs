//! The headers by which browsers know what pages, and answers of the API, may do.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use crate::app::TestApp;

const PAGES: [&str; 7] =
    ["/docs", "/docs/start.js", "/docs/scalar.js", "/openapi.json", "/healthz", "/readyz", "/version"];

async fn from_elsewhere(app: &TestApp, method: Method, path: &str) -> Response {
    let request = app.bare(method, path).header("origin", "https://example.org");
    request.header("access-control-request-method", "GET").send().await.unwrap()
}

/// The sources that a policy allows for something.
fn sources<'a>(headers: &'a HeaderMap, directive: &str) -> Vec<&'a str> {
    let policy = headers["content-security-policy"].to_str().unwrap();
    let mut directives = policy.split(';').map(|text| text.split_whitespace().collect::<Vec<_>>());
    let found = directives.find(|words| words[0] == directive);
    found.unwrap_or_else(|| panic!("no {directive} in {policy}"))[1..].to_vec()
}

fn names(headers: &HeaderMap, start: &str) -> usize {
    headers.keys().filter(|name| name.as_str().starts_with(start)).count()
}

#[tokio::test]
async fn pages_are_for_the_one_who_opens_them_and_may_do_nothing_that_they_need_not() {
    let app = TestApp::new().await;
    for (method, status) in [(Method::GET, 200), (Method::HEAD, 200), (Method::POST, 405), (Method::OPTIONS, 405)] {
        for path in PAGES {
            let answer = from_elsewhere(&app, method.clone(), path).await;
            assert_eq!(answer.status(), status, "{method} {path}");
            let headers = answer.headers();
            assert_eq!(names(headers, "access-control-"), 0, "{method} {path}: {headers:?}");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["referrer-policy"], "no-referrer");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
            for directive in ["default-src", "base-uri", "form-action", "frame-ancestors"] {
                assert_eq!(sources(headers, directive), ["'none'"], "{method} {path}");
            }
        }
    }
    let known = app.bare(Method::GET, "/docs").header("if-none-match", "*").send().await.unwrap();
    assert_eq!((known.status().as_u16(), sources(known.headers(), "script-src")), (304, vec!["'self'"]));
}

#[tokio::test]
async fn the_reference_runs_only_the_scripts_of_this_server() {
    let app = TestApp::new().await;
    let page = app.bare(Method::GET, "/docs").send().await.unwrap();
    assert_eq!(sources(page.headers(), "script-src"), ["'self'"]);
    assert_eq!(sources(page.headers(), "connect-src"), ["'self'"]);
    let text = page.text().await.unwrap();
    // The policy blocks a script in the page and an event handler in a tag: the page has none.
    let scripts: Vec<&str> = text.split("<script").skip(1).collect();
    assert_eq!(scripts.len(), 2);
    for script in scripts {
        let source = script.strip_prefix(" src=\"").unwrap().split('"').next().unwrap();
        assert!(script.starts_with(&format!(" src=\"{source}\"></script>")), "{script}");
        let served = app.bare(Method::GET, source).send().await.unwrap();
        assert_eq!(
            (served.status().as_u16(), &served.headers()["content-type"].to_str().unwrap()),
            (200, &"text/javascript")
        );
    }
    assert!(!text.contains(" on") && !text.contains("javascript:") && !text.contains("<style"), "{text}");
    let start = app.bare(Method::GET, "/docs/start.js").send().await.unwrap().text().await.unwrap();
    assert!(start.contains("url: \"/openapi.json\"") && !start.contains("https://"), "{start}");
}

#[tokio::test]
async fn the_api_is_for_all_pages_and_sets_no_cookie() {
    let app = TestApp::new().await;
    for path in ["/v1/enroll", "/enroll", "/v1/nothing"] {
        let answer = from_elsewhere(&app, Method::GET, path).await;
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(names(answer.headers(), "set-cookie"), 0);
        assert_eq!(names(answer.headers(), "access-control-allow-credentials"), 0);
    }
}
