//! Errors on request, for keys in test mode.

use reqwest::Method;
use serde_json::json;
use vultus::auth::principal::Scope;

use crate::app::{Reply, TestApp, base64, reply};
use crate::pictures::photo;

pub const STATUSES: [u16; 11] = [400, 401, 403, 404, 405, 406, 410, 418, 429, 500, 503];

pub async fn asking(app: &TestApp, key: &str, method: Method, path: &str, status: &str) -> Reply {
    reply(app.bare(method, path).header("x-api-key", key).header("x-sandbox-status", status)).await
}

#[tokio::test]
async fn a_test_key_gets_the_error_it_asks_for_in_the_envelope() {
    let app = TestApp::new().await;
    // Whatever else is wrong with the request: here, the scope and the body.
    let key = app.test_key(&[Scope::Detect]).await;
    for status in STATUSES {
        for (method, path) in [(Method::POST, "/v1/facedetect"), (Method::DELETE, "/collection")] {
            let answer = asking(&app, &key, method, path, &status.to_string()).await;
            assert_eq!(answer.headers.contains_key("allow"), status == 405, "{status}");
            let message = answer.problem(status, "sandbox");
            assert!(message.contains("x-sandbox-status"), "{message}");
        }
    }
}

#[tokio::test]
async fn the_allow_header_of_a_405_on_request_is_that_of_a_real_one() {
    let app = TestApp::new().await;
    let key = app.test_key(&Scope::ALL).await;
    for (method, path) in [
        (Method::POST, "/v1/match"),
        (Method::GET, "/v1/enroll"),
        (Method::PUT, "/collection"),
        (Method::POST, "/train"),
    ] {
        let real = app.json(Method::PATCH, path, &json!({})).await;
        let asked = asking(&app, &key, method, path, "405").await;
        let methods = |answer: &Reply| {
            let mut methods: Vec<_> = answer.headers["allow"].to_str().unwrap().split(',').map(str::to_owned).collect();
            methods.sort_unstable();
            methods
        };
        assert_eq!(methods(&asked), methods(&real), "{path}");
    }
}

#[tokio::test]
async fn a_request_that_asks_for_an_error_does_nothing() {
    let app = TestApp::new().await;
    let key = app.test_key(&Scope::ALL).await;
    let body = json!({"img0": base64(&photo("collins")), "name": "Nobody"});
    let request = app.bare(Method::POST, "/v1/enroll").header("x-api-key", &key).body(body.to_string());
    reply(request.header("x-sandbox-status", "500")).await.problem(500, "sandbox");
    assert_eq!(app.get("/v1/enroll").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn other_values_are_reported_what_may_be_asked_for() {
    let app = TestApp::new().await;
    let key = app.test_key(&Scope::ALL).await;
    for bad in ["", "200", "402", "502", "teapot", "418, 503", "+418", "\u{e9}"] {
        let message = asking(&app, &key, Method::GET, "/v1/enroll", bad).await.problem(400, "wrong_value");
        assert!(message.contains("400, 401, 403, 404, 405, 406, 410, 418, 429, 500, 503"), "{bad}: {message}");
    }
}

#[tokio::test]
async fn without_the_header_a_test_key_is_like_any_other_and_other_keys_ignore_it() {
    let app = TestApp::new().await;
    let key = app.test_key(&[Scope::EnrollmentsRead]).await;
    reply(app.bare(Method::GET, "/v1/enroll").header("x-api-key", &key)).await.ok();
    reply(app.bare(Method::POST, "/v1/enroll").header("x-api-key", &key)).await.problem(403, "scope_missing");
    for ignored in ["418", "nonsense"] {
        asking(&app, &app.key, Method::GET, "/v1/enroll", ignored).await.ok();
        asking(&app, "unknown", Method::GET, "/v1/enroll", ignored).await.problem(401, "key_unknown");
    }
}
