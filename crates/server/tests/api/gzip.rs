//! Request bodies that are compressed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::json;
use vultus_store::{Id, Kind};

use crate::app::{Reply, TestApp, base64, reply};
use crate::pictures::photo;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn send(app: &TestApp, path: &str, coding: &str, body: Vec<u8>) -> Reply {
    reply(app.request(Method::POST, path).header("content-encoding", coding).body(body)).await
}

#[tokio::test]
async fn compressed_bodies_are_read_like_others() {
    let app = TestApp::new().await;
    let picture = photo("collins");
    let person = json!({"img0": base64(&picture), "name": "Eileen"}).to_string();
    send(&app, "/v1/enroll", "gzip", gzip(person.as_bytes())).await.ok();
    send(&app, "/v1/enroll", "identity", person.clone().into_bytes()).await.ok();
    let plain = app.post_bytes("/v1/facedetect", picture.clone()).await.ok();
    for coding in ["gzip", "GZIP", "x-gzip"] {
        assert_eq!(send(&app, "/v1/facedetect", coding, gzip(&picture)).await.ok(), plain, "{coding}");
    }
    let filter = gzip(br#"{"name": "Eileen"}"#);
    let listed = reply(app.request(Method::GET, "/v1/enroll").header("content-encoding", "gzip").body(filter)).await;
    assert_eq!(listed.ok()["data"].as_array().unwrap().len(), 2);
    reply(app.request(Method::GET, "/v1/enroll").header("content-encoding", "gzip")).await.ok();
    send(&app, "/v1/enroll", "gzip", Vec::new()).await.problem(400, "empty_body");
    send(&app, "/v1/enroll", "gzip", gzip(b"")).await.problem(400, "empty_body");
}

#[tokio::test]
async fn a_bomb_ends_at_the_limits() {
    let app = TestApp::with(|config| {
        config.http.max_body_bytes = 1_000_000;
        config.images.max_image_bytes = 500_000;
    })
    .await;
    let mut text = br#"{"img0": ""#.to_vec();
    text.resize(20 << 20, b'A');
    let bomb = gzip(&text);
    assert!(bomb.len() < 500_000, "{}", bomb.len());
    let message = send(&app, "/v1/enroll", "gzip", bomb).await.problem(400, "body_too_large");
    assert!(message.contains("1000000 bytes"), "{message}");
    // A body that is no JSON is held once, and has the limit of pictures.
    let message = send(&app, "/v1/facedetect", "gzip", gzip(&vec![0xff; 20 << 20])).await.problem(400, "bad_image");
    assert!(message.contains("the limit is 500000"), "{message}");
    let filter = gzip(&vec![b' '; 1 << 20]);
    let listed = app.request(Method::GET, "/v1/enroll").header("content-encoding", "gzip").body(filter);
    reply(listed).await.problem(400, "body_too_large");
    assert_eq!(app.app.uploads.held(), 0);
}

#[tokio::test]
async fn what_is_decoded_counts_against_the_memory_for_uploads() {
    let app = TestApp::with(|config| {
        config.http.max_body_bytes = 1_000_000;
        config.http.body_memory_bytes = 0;
    })
    .await;
    let other = Id::new(Kind::Account, 1, [0; 8]);
    let held = app.app.uploads.take(other, app.app.uploads.total() - 100_000).unwrap();
    let collection = |spaces: usize| gzip(format!("{{\"name\": \"Home\"{}}}", " ".repeat(spaces)).as_bytes());
    send(&app, "/v1/collection", "gzip", collection(20_000)).await.ok();
    send(&app, "/v1/collection", "gzip", collection(100_000)).await.problem(503, "uploads_full");
    drop(held);
    send(&app, "/v1/collection", "gzip", collection(100_000)).await.ok();
}

#[tokio::test]
async fn bodies_that_are_not_what_their_header_says_are_refused() {
    let app = TestApp::new().await;
    let body = br#"{"name": "Home"}"#;
    let whole = gzip(body);
    let mut damaged = whole.clone();
    *damaged.iter_mut().nth_back(5).unwrap() ^= 1;
    let more = [whole.as_slice(), b"x"].concat();
    let cut = whole[..whole.len() - 3].to_vec();
    for wrong in [body.to_vec(), cut, damaged, more, b"\x1f".to_vec()] {
        send(&app, "/v1/collection", "gzip", wrong).await.problem(400, "not_gzip");
    }
    for other in ["br", "deflate", "gzip, gzip"] {
        let message = send(&app, "/v1/collection", other, whole.clone()).await.problem(400, "unknown_encoding");
        assert!(message.contains("must be gzip"), "{message}");
    }
    assert_eq!(app.get("/v1/collection").await.ok()["data"], json!([]));
}
