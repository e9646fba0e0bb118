//! Every error that a client can provoke, with its message, in one snapshot: see `snapshots.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use vultus::auth::principal::Scope;
use vultus::config::VectorEngine;
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{Facts, NewEnrollment};
use vultus_store::{Id, Kind};

use crate::app::{Reply, TestApp, base64, reply};
use crate::connections::{begin_request, begin_upload};
use crate::database::Lock;
use crate::load::occupy;
use crate::pictures::photo;
use crate::sandbox::{STATUSES, asking};
use crate::snapshots::{check, redacted};

/// Codes that no request to a server of these tests gets, and why.
const OUT_OF_REACH: [(&str, &str); 4] = [
    ("engine_not_loaded", "the harness waits for the networks"),
    ("images_full", "an image waits for memory, up to the time limit of its request"),
    ("internal", "needs a defect; blobs.rs provokes it by a bucket that refuses its credentials"),
    ("service_unavailable", "needs an image store or a vector engine that is away: blobs.rs, milvus.rs"),
];

/// The errors so far, by status and code.
#[derive(Default)]
struct Problems(BTreeSet<String>);

impl Problems {
    /// Notes an error. It must be of the documented form.
    fn add(&mut self, code: &str, reply: Reply) {
        let status = reply.status.as_u16();
        let headers = ["allow", "retry-after"].into_iter().filter(|name| reply.headers.contains_key(*name));
        let headers: String = headers.flat_map(|name| ["    with ", name, "\n"]).collect();
        let body = redacted(&reply.json);
        reply.problem(status, code);
        assert!(self.0.insert(format!("{status} {code}\n    {body}\n{headers}")), "{status} {code} is here twice");
    }

    fn has(&self, status: &str, code: &str) -> bool {
        self.0.iter().any(|problem| problem.starts_with(&format!("{status} {code}\n")))
    }
}

/// The documented codes, with their statuses.
fn documented() -> Vec<(String, String)> {
    let document = serde_json::to_value(vultus::http::openapi()).unwrap();
    let responses = document.pointer("/components/responses").unwrap().as_object().unwrap().clone();
    let errors =
        responses.into_iter().filter_map(|(name, error)| Some((name.strip_prefix("Error")?.to_owned(), error)));
    let codes = errors.flat_map(|(status, error)| {
        let words = error["description"].as_str().unwrap().split('`').skip(3).step_by(2);
        words.map(|code| (status.clone(), code.to_owned())).collect::<Vec<_>>()
    });
    codes.collect()
}

#[tokio::test]
async fn every_error_is_as_before() {
    let mut problems = Problems::default();
    keys(&mut problems).await;
    paths(&mut problems).await;
    bodies(&mut problems).await;
    parameters(&mut problems).await;
    people(&mut problems).await;
    limits(&mut problems).await;
    pools(&mut problems).await;
    waiting(&mut problems).await;
    let documented = documented();
    assert!(documented.len() > 50, "{documented:?}");
    for (status, code) in &documented {
        let out_of_reach = OUT_OF_REACH.iter().any(|(known, _)| known == code);
        assert_ne!(problems.has(status, code), out_of_reach, "{status} {code}: a snapshot or a reason");
    }
    check("errors", &problems.0.into_iter().collect::<Vec<_>>().join("\n"));
}

async fn keys(problems: &mut Problems) {
    let app = TestApp::new().await;
    let with = |key: &str| reply(app.bare(Method::GET, "/v1/enroll").header("x-api-key", key));
    problems.add("key_missing", reply(app.bare(Method::GET, "/v1/enroll")).await);
    problems.add("key_unknown", with("test12345").await);
    problems.add("key_expired", with(&app.key_with(&Scope::ALL, Some(1)).await).await);
    problems.add("scope_missing", with(&app.key_with(&[Scope::Detect], None).await).await);
    let test = app.test_key(&Scope::ALL).await;
    for status in STATUSES {
        problems.add("sandbox", asking(&app, &test, Method::GET, "/v1/enroll", &status.to_string()).await);
    }
    let stored = vultus_store::keys::list(&app.app.db, None).await.unwrap().pop().unwrap();
    let mut tx = app.app.db.write(stored.account_id).await.unwrap();
    vultus_store::keys::revoke(&mut tx, stored.account_id, stored.id, 1).await.unwrap();
    tx.commit().await.unwrap();
    problems.add("key_revoked", with(&test).await);
}

async fn paths(problems: &mut Problems) {
    let app = TestApp::new().await;
    problems.add("unknown_path", app.get("/v1/nothing").await);
    problems.add("wrong_method", reply(app.bare(Method::GET, "/v1/match")).await);
    let html = app.request(Method::GET, "/v1/enroll").header("accept", "text/html");
    problems.add("not_acceptable", reply(html).await);
    app.app.db.close().await;
    problems.add("database_unavailable", app.get("/v1/enroll").await);
}

async fn bodies(problems: &mut Problems) {
    let app = TestApp::with(|config| {
        config.http.max_body_bytes = 200_000;
        config.http.body_idle_timeout = Duration::from_millis(200);
    })
    .await;
    let sent = |body: &str| reply(app.request(Method::POST, "/v1/enroll").body(body.to_owned()));
    problems.add("empty_body", sent("").await);
    problems.add("not_json", sent("{\"name\" \"Joe\"}").await);
    let coded = |coding: &str| app.request(Method::POST, "/v1/enroll").header("content-encoding", coding).body("{}");
    problems.add("unknown_encoding", reply(coded("br")).await);
    problems.add("not_gzip", reply(coded("gzip")).await);
    problems.add("multipart", sent("--5f\r\nContent-Disposition: form-data; name=\"img0\"\r\n\r\n").await);
    problems.add("too_deep", sent(&"{\"a\":".repeat(40)).await);
    problems.add("too_many_parameters", sent(&format!("{{{}}}", vec!["\"a\":0"; 2_000].join(","))).await);
    problems.add("body_too_large", sent(&" ".repeat(200_001)).await);
    problems.add("bad_image", app.post_bytes("/v1/facedetect", b"no picture".to_vec()).await);
    problems.add("body_too_slow", answer(begin_upload(&app, 1000, b"12345").await).await);
    let mut broken = begin_request(&app, "POST /v1/facedetect", 1000, b"12345").await;
    broken.shutdown().await.unwrap();
    problems.add("body_broken", answer(broken).await);
}

/// The answer that a connection ends with.
async fn answer(mut stream: tokio::net::TcpStream) -> Reply {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap()));
    Reply { status, headers: headers.collect(), json: serde_json::from_str(body).unwrap() }
}

async fn parameters(problems: &mut Problems) {
    let app = TestApp::new().await;
    let matched = |body: Value| reply(app.request(Method::POST, "/v1/match").body(body.to_string()));
    let stranger = Id::new(Kind::Enrollment, 1, [0; 8]).to_string();
    problems.add("missing_field", matched(json!({})).await);
    problems.add("wrong_type", matched(json!({"id": 1})).await);
    problems.add("wrong_value", matched(json!({"id": stranger, "threshold": 2})).await);
    problems.add("not_base64", matched(json!({"id": stranger, "img": "@"})).await);
    problems.add("not_found", matched(json!({"id": stranger, "img": "AAAA"})).await);
    let many: serde_json::Map<_, _> = (0..11).map(|number| (format!("img{number}"), json!("AAAA"))).collect();
    problems.add("too_many_images", app.post("/v1/enroll", &many.into()).await);
}

async fn people(problems: &mut Problems) {
    let app = TestApp::with(|config| {
        config.matching.max_embeddings = 1;
        config.matching.cached_embeddings = 1;
        config.vectors.vectors = VectorEngine::Memory;
    })
    .await;
    let (img, home) = (base64(&photo("collins")), app.collection("Home").await);
    let id = app.enroll("Eileen", &photo("collins")).await;
    app.json(Method::PUT, "/v1/collection", &json!({"collection_id": home, "legacy_id": "7"})).await.ok();
    problems.add("legacy_id_taken", app.post("/v1/collection", &json!({"name": "Den", "legacy_id": "7"})).await);
    let more = json!({"enrollment_id": id, "img0": img});
    problems.add("too_many_embeddings", app.json(Method::PUT, "/v1/enroll", &more).await);
    for person in [&id, &app.enroll("Joe", &photo("biden")).await] {
        app.join(person, &home).await;
    }
    let probe = json!({"collection_id": home, "img": img});
    problems.add("gallery_too_large", app.post("/v1/identify", &probe).await);
    let embedding = app.get(&format!("/v1/enroll?id={id}")).await.ok()["data"][0]["embeddings"][0].clone();
    let last = json!({"enrollment_id": id, "embedding_id": embedding});
    problems.add("last_embedding", app.json(Method::DELETE, "/v1/enroll/embedding", &last).await);
    app.json(Method::DELETE, "/v1/enroll", &json!({"id": id})).await.ok();
    problems.add("deleted", app.json(Method::DELETE, "/v1/enroll", &json!({"id": id})).await);
    let old = stored_by_another_model(&app).await;
    problems.add("other_model", app.post("/v1/match", &json!({"id": old, "img": img})).await);
}

/// Stores people without pictures; gives the id of the last one.
async fn store(app: &TestApp, count: usize, embeddings: &[NewEmbedding]) -> String {
    let account = app.account().await;
    let mut tx = app.app.db.write(account).await.unwrap();
    let mut last = None;
    for _ in 0..count {
        let id = vultus::app::new_id(Kind::Enrollment).unwrap();
        let new = NewEnrollment { id, facts: Facts::default(), collection_id: None, embeddings: embeddings.to_vec() };
        vultus_store::enrollments::insert(&mut tx, account, &new, 1).await.unwrap();
        last = Some(id.to_string());
    }
    tx.commit().await.unwrap();
    last.unwrap()
}

async fn stored_by_another_model(app: &TestApp) -> String {
    let id = vultus::app::new_id(Kind::Embedding).unwrap();
    let embedding = NewEmbedding { id, model: "another".into(), vector: vec![1.0, 0.0], quality: None };
    store(app, 1, &[embedding]).await
}

async fn limits(problems: &mut Problems) {
    let app = TestApp::with(|config| {
        (config.http.rate_limit, config.http.long_lists) = (1, 0);
    })
    .await;
    // More than what counts as short.
    store(&app, 1_001, &[]).await;
    problems.add("lists_full", app.get("/v1/enroll").await);
    let mut refused = app.get("/v1/enroll?limit=1").await;
    while refused.status != 429 {
        refused = app.get("/v1/enroll?limit=1").await;
    }
    problems.add("rate_limited", refused);
}

async fn pools(problems: &mut Problems) {
    let app = TestApp::with(|config| {
        config.http.max_connections = 2;
        config.http.body_memory_bytes = 0;
    })
    .await;
    let (own, other) = (app.account().await, Id::new(Kind::Account, 1, [0; 8]));
    let held = app.app.uploads.take(other, app.app.uploads.total()).unwrap();
    problems.add("uploads_full", app.post_bytes("/v1/facedetect", photo("collins")).await);
    drop(held);
    let held = app.app.requests.take(own, 1).unwrap();
    problems.add("account_busy", app.get("/v1/enroll").await);
    let rest = app.app.requests.take(other, 1).unwrap();
    problems.add("requests_full", app.get("/v1/enroll").await);
    drop((held, rest));

    let app = TestApp::with(|config| config.http.max_connections = 1).await;
    let _held = begin_upload(&app, 1000, b"x").await;
    problems.add("connections_full", app.get("/v1/enroll").await);
}

async fn waiting(problems: &mut Problems) {
    let app = TestApp::with_own_engine(|config| config.engine.engine_queue = 0).await;
    let held = occupy(&app).await;
    problems.add("engine_busy", app.post_bytes("/v1/facedetect", photo("collins")).await);
    drop(held);

    let app = TestApp::with_own_engine(|config| config.http.request_timeout = Duration::from_millis(300)).await;
    let held = occupy(&app).await;
    problems.add("timeout", app.post_bytes("/v1/facedetect", photo("collins")).await);
    drop(held);
    let lock = Lock::take(&app.app.config.data.database_url()).await;
    problems.add("unsettled", app.post("/v1/collection", &json!({"name": "Home"})).await);
    let repeatable = |name: &str| {
        let request = app.request(Method::POST, "/v1/collection").header("idempotency-key", "k");
        reply(request.body(json!({"name": name}).to_string()))
    };
    problems.add("repeat_in_progress", repeatable("Work").await);
    lock.release().await;
    while repeatable("Work").await.status != 200 {}
    problems.add("idempotency_key_reused", repeatable("Home").await);
    app.sql("update idempotency_keys set answer = null, created = created - 600000000").await;
    problems.add("answer_lost", repeatable("Work").await);
}
