//! More requests than the inference threads can take.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use vultus::origin::Origin;
use vultus_store::{Id, Kind};

use crate::app::{TestApp, base64, reply};
use crate::connections::{begin_request, begin_upload};
use crate::pictures::photo;

/// Work of an account that has no key.
fn somebody() -> Origin {
    Origin::own(Id::new(Kind::Account, 1, [0; 8]))
}

/// Keeps the only inference thread of the server busy until the result is dropped.
pub async fn occupy(app: &TestApp) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel();
    let engines = app.app.engines.clone();
    tokio::spawn(async move {
        let job = move |_: &mut _| {
            started.send(()).unwrap();
            let _ = held.recv();
        };
        engines.run(&somebody(), job).await
    });
    running.await.unwrap();
    release
}

/// Waits until so many jobs wait for the thread.
pub async fn until_waiting(app: &TestApp, count: usize) {
    let started = Instant::now();
    while app.app.engines.unfinished() < count + 1 {
        assert!(started.elapsed() < Duration::from_secs(10), "the job does not arrive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_full_queue_is_reported_at_once_and_drains() {
    let app = TestApp::with_own_engine(|config| config.engine.engine_queue = 1).await;
    let release = occupy(&app).await;
    let waiting = tokio::spawn(reply(app.request(Method::POST, "/v1/facedetect").body(photo("collins"))));
    until_waiting(&app, 1).await;
    // The answer comes while the thread is still busy.
    let message = app.post_bytes("/v1/facedetect", photo("collins")).await.problem(503, "engine_busy");
    assert!(message.contains("try again"), "{message}");
    app.get("/v1/enroll").await.ok();
    drop(release);
    waiting.await.unwrap().ok();
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
}

#[tokio::test]
async fn nothing_is_held_for_a_client_that_has_gone() {
    let app = TestApp::with_own_engine(|_| {}).await;
    let release = occupy(&app).await;
    let picture = photo("collins");
    let json = json!({"img0": base64(&picture)}).to_string();
    let clients = [
        begin_request(&app, "POST /v1/facedetect", picture.len(), &picture).await,
        begin_request(&app, "POST /v1/enroll", json.len(), json.as_bytes()).await,
    ];
    until_waiting(&app, 2).await;
    let held = app.app.uploads.held();
    assert!(
        (2 * picture.len()..2 * picture.len() + json.len()).contains(&held),
        "both pictures, and not the text: {held}"
    );
    drop(clients);
    let started = Instant::now();
    // The server notices by itself, while the thread is still busy.
    while app.app.uploads.held() + app.app.requests.held() > 0 || app.app.engines.unfinished() > 1 {
        assert!(started.elapsed() < Duration::from_secs(10), "something is still held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(app.app.engines.withdrawn(), 2);
    drop(release);
    app.post_bytes("/v1/facedetect", picture).await.ok();
    assert_eq!(app.get("/v1/enroll").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn an_account_that_floods_is_refused_and_another_is_served_next() {
    let app = TestApp::with_own_engine(|config| config.engine.engine_queue = 9).await;
    let other = app.key_of("other").await;
    let release = occupy(&app).await;
    let flood = || tokio::spawn(reply(app.request(Method::POST, "/v1/facedetect").body(photo("biden"))));
    let accepted: Vec<_> = (0..5).map(|_| flood()).collect();
    until_waiting(&app, 5).await;
    app.post_bytes("/v1/facedetect", photo("biden")).await.problem(429, "account_busy");
    let request = app.bare(Method::POST, "/v1/facedetect").header("x-api-key", other).body(photo("collins"));
    let served = tokio::spawn(reply(request));
    until_waiting(&app, 6).await;
    drop(release);
    served.await.unwrap().ok();
    assert!(app.app.engines.unfinished() >= 2, "the other account does not wait for the flood");
    for reply in accepted {
        reply.await.unwrap().ok();
    }
}

#[tokio::test]
async fn an_account_leaves_requests_in_flight_to_others() {
    let app = TestApp::with(|config| config.http.max_connections = 8).await;
    let other = app.key_of("other").await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(begin_upload(&app, 1000, b"1").await);
    }
    let started = Instant::now();
    while app.app.requests.held() < 4 {
        assert!(started.elapsed() < Duration::from_secs(10), "the requests do not arrive");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let message = app.get("/v1/enroll").await.problem(429, "account_busy");
    assert!(message.contains("wait for answers"), "{message}");
    reply(app.bare(Method::GET, "/v1/enroll").header("x-api-key", other)).await.ok();
    drop(slow);
    while app.app.requests.held() > 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "the requests do not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.get("/v1/enroll").await.ok();
}

#[tokio::test]
async fn the_pictures_of_a_client_that_has_gone_do_not_keep_a_thread_busy() {
    let app = TestApp::with_own_engine(|_| {}).await;
    let picture = base64(&photo("collins"));
    let id = app.enroll("Eileen", &photo("collins")).await;
    let body = |count| {
        let mut body = json!({"enrollment_id": id});
        (0..count).for_each(|number| body[format!("img{number}")] = json!(picture));
        body.to_string()
    };
    let started = Instant::now();
    reply(app.request(Method::PUT, "/v1/enroll").body(body(5))).await.ok();
    let five = started.elapsed();
    let started = Instant::now();
    let impatient = app.request(Method::PUT, "/v1/enroll").body(body(90)).timeout(3 * five);
    assert!(impatient.send().await.unwrap_err().is_timeout());
    while app.app.engines.unfinished() > 0 {
        assert!(started.elapsed() < 10 * five, "it goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_panic_in_the_engine_fails_one_request_only() {
    let app = TestApp::with_own_engine(|_| {}).await;
    let panicked = app.app.engines.run(&somebody(), |_| panic!("a defect")).await;
    assert_eq!(panicked, Err::<(), _>(vultus::pools::Error::Panicked));
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
}
