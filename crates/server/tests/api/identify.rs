//! `identify`.

use reqwest::Method;
use serde_json::{Value, json};
use vultus::config::VectorEngine;

use crate::app::{TestApp, base64, keys_of};
use crate::pictures::{nobody, photo, side_by_side};

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
    assert_eq!(stranger["meta"]["candidates"][0]["key"], json!(joe), "the answer lists the candidates all the same");

    app.join(&barack, &home).await;
    let known = app.post("/v1/identify", &probe).await.ok();
    let data = &known["data"];
    assert_eq!((&data["name"], &data["key"], &data["success"]), (&json!("Barack"), &json!(barack), &json!(true)));
    let candidates = known["meta"]["candidates"].as_array().unwrap();
    assert_eq!(keys_of(&candidates[0]), ["confidence", "key", "name", "score", "similarity"]);
    assert_eq!((candidates.len(), &candidates[0]["confidence"]), (2, &data["confidence"]));
    assert!(data["confidence"].as_f64().unwrap() > 0.9 && stranger["data"]["confidence"].as_f64().unwrap() > 0.9);

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
async fn pictures_and_ids_that_are_no_use_are_reported() {
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

/// A large face, and two smaller ones, of which one is the same person.
fn group() -> Vec<u8> {
    side_by_side(&[("obama-portrait", 1.0), ("biden", 0.6), ("obama-blue-room", 0.6)])
}

#[tokio::test]
async fn the_largest_face_decides_and_nobody_is_named_twice() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let (barack, joe) =
        (app.enroll("Barack", &photo("obama-portrait")).await, app.enroll("Joe", &photo("biden")).await);
    app.join(&barack, &home).await;
    app.join(&joe, &home).await;
    let found = app.post("/v1/identify", &json!({"collection_id": home, "img": base64(&group())})).await.ok();
    let faces = found["meta"]["faces"].as_array().unwrap();
    assert_eq!(faces.len(), 3);
    assert_eq!(keys_of(&faces[0]), ["bounding_box", "confidence", "key", "name", "success"]);
    assert_eq!((&found["data"]["key"], &faces[0]["key"]), (&json!(barack), &json!(barack)), "the largest one");
    let named = faces.iter().filter(|face| face["key"] == json!(barack)).count();
    assert_eq!(named, 1, "{faces:?}");
    assert!(faces.iter().any(|face| face["key"] == json!(joe)));
}

#[tokio::test]
async fn a_rate_of_false_matches_sets_the_operating_point() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let barack = app.enroll("Barack", &photo("obama-portrait")).await;
    app.join(&barack, &home).await;
    let ask = async |probe: &str, fmr: Value| {
        let body = json!({"collection_id": home, "img": base64(&photo(probe)), "fmr": fmr, "limit": 1});
        app.post("/v1/identify", &body).await
    };
    let known = ask("obama-blue-room", json!(1e-4)).await.ok();
    let least = |answer: &Value| answer["meta"]["min_similarity"].as_f64().unwrap();
    assert_eq!(known["data"]["key"], json!(barack));
    assert!(known["meta"]["candidates"][0]["similarity"].as_f64().unwrap() > least(&known));
    let stranger = ask("biden", json!(1e-4)).await.ok();
    assert_eq!((&stranger["data"]["success"], &stranger["meta"]["threshold"]), (&json!(false), &Value::Null));
    assert!(least(&ask("biden", json!(1e-6)).await.ok()) > least(&stranger), "a lower rate asks for more");
    for wrong in [json!(0), json!(0.5), json!("often")] {
        let message = ask("biden", wrong).await;
        assert_eq!(message.status.as_u16(), 400, "{}", message.json);
    }
}

#[tokio::test]
async fn a_collection_is_fitted_after_changes_and_reported_rejections_count() {
    let app = TestApp::with_worker(|config| config.matching.refit_delay = std::time::Duration::from_millis(1)).await;
    let body = json!({"name": "Home", "unknowns": "true"});
    let home = app.post("/v1/collection", &body).await.ok()["data"]["collection_id"].clone();
    let barack = app.enroll("Barack", &photo("obama-portrait")).await;
    app.join(&barack, home.as_str().unwrap()).await;
    app.jobs_done().await;
    let probe = json!({"collection_id": home, "img": base64(&photo("obama-blue-room"))});
    let before = app.post("/v1/identify", &probe).await.ok();
    assert_eq!((&before["data"]["key"], &before["meta"]["threshold"]), (&json!(barack), &Value::Null));

    let mut wrong = probe.clone();
    wrong["enrollment_id"] = json!(barack);
    let kept = app.post("/v1/feedback", &wrong).await.ok();
    assert_eq!(kept["message"], "feedback processed successfully");
    app.jobs_done().await;
    let after = app.post("/v1/identify", &probe).await.ok();
    assert_eq!(after["data"]["name"], "unknown", "the same probe is not taken for him again");
    let portrait = json!({"collection_id": home, "img": base64(&photo("obama-portrait"))});
    assert_eq!(app.post("/v1/identify", &portrait).await.ok()["data"]["key"], json!(barack), "others are");
}

#[tokio::test]
async fn who_was_taken_out_of_a_collection_is_not_found_there() {
    let app = TestApp::new().await;
    let (home, work) = (app.collection("Home").await, app.collection("Work").await);
    let barack = app.enroll("Barack", &photo("obama-portrait")).await;
    app.join(&barack, &home).await;
    app.join(&barack, &work).await;
    let named = async |collection: &str| {
        let body = json!({"collection_id": collection, "img": base64(&photo("obama-blue-room"))});
        app.post("/v1/identify", &body).await.ok()["data"]["success"].clone()
    };
    assert_eq!(named(&home).await, true);
    let path = format!("/v1/collection/member?collection_id={home}&enrollment_id={barack}");
    let left = app.json(Method::DELETE, &path, &json!({})).await.ok();
    assert_eq!(
        (&left["message"], &left["data"]["collection_id"]),
        (&json!("collection updated successfully"), &json!(home))
    );
    assert_eq!((named(&home).await, named(&work).await), (json!(false), json!(true)));
}

#[tokio::test]
async fn a_collection_beyond_the_memory_budget_is_refused() {
    let app = TestApp::with(|config| {
        config.vectors.vectors = VectorEngine::Memory;
        config.matching.cached_embeddings = 1;
    })
    .await;
    let home = app.collection("Home").await;
    for name in ["obama-portrait", "biden"] {
        app.join(&app.enroll(name, &photo(name)).await, &home).await;
    }
    let body = json!({"collection_id": home, "img": base64(&photo("biden"))});
    let message = app.post("/v1/identify", &body).await.problem(400, "gallery_too_large");
    assert!(message.contains("2 embeddings") && message.contains("--cached-embeddings"), "{message}");
}
