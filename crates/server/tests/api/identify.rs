//! `identify`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, base64, keys_of};
use crate::pictures::{nobody, photo};

#[tokio::test]
async fn a_member_is_named_right_after_joining_and_a_stranger_is_unknown() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let probe = json!({"collection_id": home, "img": base64(&photo("obama-blue-room"))});
    let empty = app.post("/v1/identify", &probe).await.ok();
    assert_eq!(empty["data"], json!({"name": "unknown", "key": null, "confidence": 1.0, "success": false}));

    let barack = app.enroll("Barack", &photo("obama-portrait")).await;
    let joe = app.enroll("Joe", &photo("biden")).await;
    app.join(&joe, &home).await;
    let stranger = app.post("/v1/identify", &probe).await.ok();
    assert_eq!(stranger["message"], "identify processed successfully");
    assert_eq!(keys_of(&stranger["data"]), ["confidence", "key", "name", "success"]);
    assert_eq!((&stranger["data"]["name"], &stranger["data"]["key"]), (&json!("unknown"), &Value::Null));
    assert_eq!(stranger["meta"]["candidates"][0]["key"], json!(joe), "the candidates are told all the same");

    app.join(&barack, &home).await;
    let known = app.post("/v1/identify", &probe).await.ok();
    let data = &known["data"];
    assert_eq!((&data["name"], &data["key"], &data["success"]), (&json!("Barack"), &json!(barack), &json!(true)));
    let candidates = known["meta"]["candidates"].as_array().unwrap();
    assert_eq!(keys_of(&candidates[0]), ["key", "name", "score", "similarity"]);
    assert_eq!((candidates.len(), &candidates[0]["score"]), (2, &data["confidence"]));

    app.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": barack})).await.ok();
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["name"], "unknown", "deleted people are forgotten");
}

#[tokio::test]
async fn enrolling_into_a_collection_and_new_images_count_at_once() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let body = json!({"img0": base64(&photo("collins")), "name": "X", "collection_id": home});
    let id = app.post("/v1/enroll", &body).await.ok()["data"]["enrollment_id"].clone();
    let probe = json!({"collection_id": home, "img": base64(&photo("biden"))});
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["success"], false);
    let more = json!({"enrollment_id": id, "img0": base64(&photo("biden"))});
    app.json(Method::PUT, "/v1/enroll", &more).await.ok();
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["key"], id);
}

#[tokio::test]
async fn the_threshold_is_configured_or_sent() {
    let app = TestApp::with(|config| config.matching.identify_threshold = 1.0).await;
    let home = app.collection("Home").await;
    let barack = app.enroll("Barack", &photo("obama-portrait")).await;
    app.join(&barack, &home).await;
    let mut probe = json!({"collection_id": home, "img": base64(&photo("obama-blue-room"))});
    let strict = app.post("/v1/identify", &probe).await.ok();
    assert_eq!((&strict["data"]["success"], &strict["meta"]["threshold"]), (&json!(false), &json!(1.0)));
    probe["threshold"] = json!(0.5);
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["success"], true);
}

#[tokio::test]
async fn pictures_and_ids_that_are_no_use_are_told() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let good = base64(&photo("biden"));
    let body = json!({"collection_id": home, "img": base64(&nobody())});
    app.post("/v1/identify", &body).await.no_face(&[(Some("img"), "no_face")]);
    let message = app.post("/v1/identify", &json!({"img": good})).await.problem(400, "missing_field");
    assert!(message.contains("\"collection_id\""), "{message}");
    app.post("/v1/identify", &json!({"img": good, "collection_id": "Home"})).await.problem(404, "not_found");
    app.json(Method::DELETE, "/v1/collection", &json!({"collection_id": home})).await.ok();
    app.post("/v1/identify", &json!({"img": good, "collection_id": home})).await.problem(410, "deleted");
}
