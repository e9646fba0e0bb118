//! More requests than the inference threads can take.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, base64, reply};
use crate::connections::begin_upload;
use crate::pictures::photo;

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
        engines.run(job).await
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
async fn a_full_queue_is_told_at_once_and_drains() {
    let app = TestApp::with_own_engine(|config| config.engine.engine_queue = 1).await;
    let release = occupy(&app).await;
    let waiting = tokio::spawn(reply(app.request(Method::POST, "/v1/facedetect").body(photo("collins"))));
    until_waiting(&app, 1).await;
    let started = Instant::now();
    let message = app.post_bytes("/v1/facedetect", photo("collins")).await.problem(503, "engine_busy");
    assert!(message.contains("try again") && started.elapsed() < Duration::from_secs(1), "{message}");
    app.get("/v1/enroll").await.ok();
    drop(release);
    waiting.await.unwrap().ok();
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
}

#[tokio::test]
async fn the_job_of_a_client_that_has_gone_is_skipped() {
    let app = TestApp::with_own_engine(|_| {}).await;
    let release = occupy(&app).await;
    let picture = photo("collins");
    let client = begin_upload(&app, picture.len(), &picture).await;
    until_waiting(&app, 1).await;
    drop(client);
    let started = Instant::now();
    // The server notices by itself; nothing tells when, except that the waiting job has no caller any more.
    while app.app.engines.abandoned() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "the server does not notice");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(release);
    app.post_bytes("/v1/facedetect", picture).await.ok();
    assert_eq!(app.app.engines.skipped(), 1);
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
    let panicked = app.app.engines.run(|_| panic!("a defect")).await;
    assert_eq!(panicked, Err::<(), _>(vultus::pools::Error::Panicked));
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
}
