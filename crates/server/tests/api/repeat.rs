//! Requests that a client sends again under its `Idempotency-Key`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Reply, TestApp, base64, reply};
use crate::database::Lock;
use crate::pictures::{nobody, photo};

/// Sends a request under a key of the client.
async fn send(app: &TestApp, method: Method, path: &str, key: &str, body: &Value) -> Reply {
    reply(app.request(method, path).header("idempotency-key", key).body(body.to_string())).await
}

fn person() -> Value {
    json!({"img0": base64(&photo("biden")), "name": "Joe"})
}

async fn people(app: &TestApp) -> usize {
    app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_same_answer_and_changes_nothing() {
    let app = TestApp::new().await;
    let first = send(&app, Method::POST, "/v1/enroll", "a-1", &person()).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = send(&app, Method::POST, "/v1/enroll", "a-1", &person()).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let (first, again) = (first.ok(), again.ok());
    assert_eq!((&first, people(&app).await), (&again, 1));

    let id = json!({"enrollment_id": first["data"]["enrollment_id"], "img0": base64(&photo("biden"))});
    for _ in 0..2 {
        send(&app, Method::PUT, "/v1/enroll", "a-2", &id).await.ok();
    }
    let listed = app.get("/v1/enroll").await.ok();
    assert_eq!(listed["data"][0]["embeddings"].as_array().unwrap().len(), 2);
    let deleted = send(&app, Method::DELETE, "/v1/enroll", "a-3", &id).await.ok();
    assert_eq!(send(&app, Method::DELETE, "/v1/enroll", "a-3", &id).await.ok(), deleted, "and not 410");
    app.json(Method::DELETE, "/v1/enroll", &id).await.problem(410, "deleted");
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_account() {
    let app = TestApp::new().await;
    let made = send(&app, Method::POST, "/v1/collection", "k", &json!({"name": "Home"})).await.ok();
    let other = json!({"name": "Work", "collection_id": made["data"]["collection_id"]});
    send(&app, Method::POST, "/v1/collection", "k", &other).await.problem(400, "idempotency_key_reused");
    send(&app, Method::POST, "/v1/train", "k", &other).await.problem(400, "idempotency_key_reused");
    let theirs = app.bare(Method::POST, "/v1/collection").header("x-api-key", app.key_of("others").await);
    let theirs = reply(theirs.header("idempotency-key", "k").body(r#"{"name":"Home"}"#)).await.ok();
    assert_ne!(theirs["data"]["collection_id"], made["data"]["collection_id"]);
    for key in [&b""[..], &[b'k'; 256], b"\xe9"] {
        let request = app.request(Method::POST, "/v1/collection").header("idempotency-key", key).body("{}");
        let message = reply(request).await.problem(400, "wrong_value");
        assert!(message.starts_with("\"Idempotency-Key\""), "{message}");
    }
}

#[tokio::test]
async fn a_request_that_changed_nothing_is_carried_out_again() {
    let app = TestApp::new().await;
    let empty = json!({"img0": base64(&nobody()), "name": "Joe"});
    for _ in 0..2 {
        send(&app, Method::POST, "/v1/enroll", "k", &empty).await.no_face(&[(Some("img0"), "no_face")]);
    }
    send(&app, Method::POST, "/v1/enroll", "k", &json!({})).await.problem(400, "missing_field");
    send(&app, Method::POST, "/v1/enroll", "k", &person()).await.ok();
    assert_eq!(people(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_carried_out() {
    let app = std::sync::Arc::new(TestApp::new().await);
    let mut senders = JoinSet::new();
    for _ in 0..6 {
        let app = app.clone();
        senders.spawn(async move {
            loop {
                let reply = send(&app, Method::POST, "/v1/enroll", "k", &person()).await;
                if reply.status == 200 {
                    return reply.ok();
                }
                reply.problem(503, "repeat_in_progress");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let answers = senders.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(people(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_no_answer_in_time_asks_again_for_it() {
    let app = TestApp::with(|config| config.http.request_timeout = Duration::from_millis(300)).await;
    let lock = Lock::take(&app.app.config.data.database_url()).await;
    let home = json!({"name": "Home"});
    send(&app, Method::POST, "/v1/collection", "k", &home).await.problem(503, "repeat_in_progress");
    lock.release().await;
    let made = loop {
        let reply = send(&app, Method::POST, "/v1/collection", "k", &home).await;
        if reply.status == 200 {
            break reply.ok();
        }
    };
    let listed = app.get("/v1/collection").await.ok()["data"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &made["data"]["collection_id"]));
}

#[tokio::test]
async fn a_lost_answer_is_reported_and_an_old_key_is_free_again() {
    let app = TestApp::new().await;
    let home = json!({"name": "Home"});
    send(&app, Method::POST, "/v1/collection", "k", &home).await.ok();
    app.sql("update idempotency_keys set answer = null").await;
    send(&app, Method::POST, "/v1/collection", "k", &home).await.problem(503, "repeat_in_progress");
    app.sql("update idempotency_keys set created = created - 600000000").await;
    send(&app, Method::POST, "/v1/collection", "k", &home).await.problem(409, "answer_lost");
    app.sql("update idempotency_keys set created = created - 86400000000").await;
    send(&app, Method::POST, "/v1/collection", "k", &json!({"name": "Work"})).await.ok();
    assert_eq!(app.get("/v1/collection").await.ok()["data"].as_array().unwrap().len(), 2);
}
