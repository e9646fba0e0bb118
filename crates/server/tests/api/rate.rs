//! The rate limit of API keys.

use std::time::Duration;

use reqwest::Method;

use crate::app::{Reply, TestApp, reply};

async fn with(app: &TestApp, key: &str) -> Reply {
    reply(app.bare(Method::GET, "/v1/enroll").header("x-api-key", key)).await
}

#[tokio::test]
async fn a_key_that_is_too_fast_is_reported_when_to_try_again_and_others_are_not_held_up() {
    let limit = |config: &mut vultus::config::Config| {
        (config.http.rate_limit, config.http.rate_burst) = (1, Some(3.try_into().unwrap()));
    };
    let app = TestApp::with(limit).await;
    let (calm, strange) =
        (app.key_with(&vultus::auth::principal::Scope::ALL, None).await, app.key_of("strangers").await);
    let mut admitted = 0;
    let refused = loop {
        let answer = app.get("/v1/enroll").await;
        if answer.status != 200 || admitted == 1000 {
            break answer;
        }
        admitted += 1;
    };
    // A slow machine earns a few more while it sends.
    assert!((3..1000).contains(&admitted), "{admitted}");
    let wait = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    let message = refused.problem(429, "rate_limited");
    assert!(message.contains("is 1 per second"), "{message}");
    with(&app, &calm).await.ok();
    with(&app, &strange).await.ok();
    reply(app.bare(Method::GET, "/healthz")).await.ok();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    app.get("/enroll").await.ok();
}

#[tokio::test]
async fn only_requests_with_a_key_count_and_there_is_no_limit_unless_one_is_set() {
    let app = TestApp::with(|config| config.http.rate_limit = 1).await;
    for _ in 0..5 {
        with(&app, &app.key[..app.key.len() - 1]).await.problem(401, "key_unknown");
        app.json(Method::PATCH, "/v1/enroll", &().into()).await.problem(405, "wrong_method");
    }
    app.get("/v1/enroll").await.ok();

    let app = TestApp::new().await;
    for _ in 0..100 {
        app.get("/v1/enroll").await.ok();
    }
}
