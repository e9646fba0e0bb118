//! What a request has begun is finished, although its client hangs up or its time is over.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, base64, reply};
use crate::connections::begin_request;
use crate::database::Lock;
use crate::load::{occupy, until_waiting};
use crate::pictures::photo;

const HOME: &str = r#"{"name": "Home"}"#;

async fn lock(app: &TestApp) -> Lock {
    Lock::take(&app.app.config.data.database_url()).await
}

/// Waits until the only handler that runs has taken its body, and a moment more: then it waits for the database.
async fn until_writing(app: &TestApp) {
    let started = Instant::now();
    while app.app.handlers.is_empty() || app.app.requests.held() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "the request does not arrive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn until_ended(app: &TestApp) {
    let started = Instant::now();
    while !app.app.handlers.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(10), "the handler does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_write_is_finished_although_its_client_hangs_up() {
    let app = TestApp::new().await;
    let lock = lock(&app).await;
    let client = begin_request(&app, "POST /v1/collection", HOME.len(), HOME.as_bytes()).await;
    until_writing(&app).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(app.app.requests.held(), 1, "it goes on without its client, and counts");
    lock.release().await;
    until_ended(&app).await;
    assert_eq!(app.get("/v1/collection").await.ok()["data"][0]["name"], "Home");
    assert_eq!(app.app.requests.held(), 0);
}

#[tokio::test]
async fn stopping_waits_for_what_outlives_its_request() {
    let mut app = TestApp::new().await;
    let lock = lock(&app).await;
    let client = begin_request(&app, "POST /v1/collection", HOME.len(), HOME.as_bytes()).await;
    until_writing(&app).await;
    drop(client);
    let stopped = app.stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!stopped.is_finished());
    lock.release().await;
    stopped.await.unwrap();
    assert!(app.app.handlers.is_empty());
    app.app.db.check_writable(1).await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_not_settled_in_time_says_so_and_invites_no_retry() {
    let app = TestApp::with(|config| config.http.request_timeout = Duration::from_millis(300)).await;
    let lock = lock(&app).await;
    let answer = app.post("/v1/collection", &json!({"name": "Home"})).await;
    let message = answer.problem(503, "unsettled");
    assert!(message.contains("may still be carried out") && message.contains("before you send it again"), "{message}");
    lock.release().await;
    until_ended(&app).await;
    assert_eq!(app.get("/v1/collection").await.ok()["data"][0]["name"], "Home");
}

#[tokio::test]
async fn a_write_that_has_not_begun_in_time_does_not_happen_and_may_be_tried_again() {
    let app = TestApp::with_own_engine(|config| config.http.request_timeout = Duration::from_secs(2)).await;
    let release = occupy(&app).await;
    let person = json!({"img0": base64(&photo("collins")), "name": "Eileen"});
    let request = app.request(Method::POST, "/v1/enroll").body(person.to_string());
    let waiting = tokio::spawn(reply(request));
    until_waiting(&app, 1).await;
    let message = waiting.await.unwrap().problem(503, "timeout");
    assert!(message.contains("try again"), "{message}");
    assert_eq!((app.app.engines.unfinished(), app.app.uploads.held()), (1, 0), "nothing of it is left");
    drop(release);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"], json!([]));
}
