//! The database goes away and comes back. Always on PostgreSQL: a file does not go away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::app::{TestApp, base64};
use crate::link::{Link, State};
use crate::pictures::photo;

/// A server whose database can go away.
async fn linked() -> (TestApp, Link) {
    let mut link = None;
    let app = TestApp::on_postgres(|config| link = config.data.database_url.as_mut().map(Link::lead)).await;
    (app, link.unwrap())
}

#[tokio::test]
async fn an_outage_is_reported_and_over_by_itself() {
    let (app, link) = linked().await;
    let home = app.collection("Home").await;
    let person = json!({"img0": base64(&photo("biden")), "name": "Joe", "collection_id": home});
    let probe = json!({"img": base64(&photo("biden")), "collection_id": home});
    app.post("/v1/enroll", &person).await.ok();

    link.set(State::Cut);
    app.get("/healthz").await.ok();
    app.get("/readyz").await.problem(503, "database_unavailable");
    app.get("/v1/enroll").await.problem(503, "database_unavailable");
    app.post("/v1/enroll", &person).await.problem(503, "database_unavailable");
    app.post("/v1/identify", &probe).await.problem(503, "database_unavailable");

    link.set(State::Whole);
    app.get("/readyz").await.ok();
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["success"], true);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 1);
    app.post("/v1/enroll", &person).await.ok();
}

/// Keeps the writers of all accounts waiting until it is dropped.
async fn lock(url: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("begin; select 1 from accounts for update").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn a_database_that_hangs_is_reported_in_time() {
    let (app, link) = linked().await;
    let home = json!({"name": "Home"});
    app.post("/v1/collection", &home).await.ok();
    let lock = lock(&link.url).await;
    let hanging = async {
        // The statement is on its way when the database hangs.
        tokio::time::sleep(Duration::from_secs(1)).await;
        link.set(State::Silent);
        app.get("/readyz").await.problem(503, "database_unavailable");
        app.get("/v1/collection").await.problem(503, "database_unavailable");
    };
    // All are answered while the database hangs, and not because a request's time is over, which has other codes.
    let (reply, ()) = tokio::join!(app.post("/v1/collection", &home), hanging);
    reply.problem(503, "database_unavailable");

    lock.close().await.unwrap();
    link.set(State::Whole);
    app.get("/readyz").await.ok();
    app.post("/v1/collection", &home).await.ok();
    let all = app.get("/v1/collection").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2, "what was answered 503 is not there");
}

#[tokio::test]
async fn a_statement_may_take_long_while_the_database_answers_others() {
    let (app, link) = linked().await;
    let lock = lock(&link.url).await;
    let waiting = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        lock.close().await.unwrap();
    };
    let body = json!({"name": "Home"});
    let (reply, ()) = tokio::join!(app.post("/v1/collection", &body), waiting);
    reply.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_enroll_is_half_applied_by_an_outage() {
    let (app, link) = linked().await;
    let home = app.collection("Home").await;
    let person = json!({"img0": base64(&photo("biden")), "img1": base64(&photo("biden")), "collection_id": home});
    let over = AtomicBool::new(false);
    let breaking = async {
        for pause_ms in [150, 170, 190, 210, 230, 250] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            link.set(State::Cut);
            tokio::time::sleep(Duration::from_millis(20)).await;
            link.set(State::Whole);
        }
        over.store(true, Ordering::Relaxed);
    };
    let enrolling = async {
        let mut acknowledged = Vec::new();
        while !over.load(Ordering::Relaxed) || acknowledged.is_empty() {
            let reply = app.post("/v1/enroll", &person).await;
            if reply.status == 503 {
                reply.problem(503, "database_unavailable");
            } else {
                acknowledged.push(reply.ok()["data"]["enrollment_id"].clone());
            }
        }
        acknowledged
    };
    let ((), acknowledged) = tokio::join!(breaking, enrolling);
    let path = format!("/v1/enroll?collection_id={home}");
    let (all, members) = (app.get("/v1/enroll").await.ok(), app.get(&path).await.ok());
    assert_eq!(all["data"], members["data"], "everybody has joined");
    let stored = all["data"].as_array().unwrap();
    assert!(stored.iter().all(|one| one["embeddings"].as_array().is_some_and(|two| two.len() == 2)));
    let ids: Vec<&Value> = stored.iter().map(|one| &one["id"]).collect();
    assert!(acknowledged.iter().all(|id| ids.contains(&id)), "what was acknowledged is there");
}

/// One connection shows that the database lives, and all requests that wait share what it shows. If each asked for itself, the
/// last of so many would wait for that connection for longer than a database may be silent.
#[tokio::test]
async fn a_slow_database_that_answers_is_not_away_however_many_wait() {
    let (app, link) = linked().await;
    link.set(State::Slow);
    let mut waiting = JoinSet::new();
    for _ in 0..400 {
        let db = app.app.db.clone();
        waiting.spawn(async move { db.silence().await });
    }
    let silent = tokio::time::timeout(Duration::from_secs(12), waiting.join_next()).await;
    assert!(silent.is_err(), "{silent:?}");
}
