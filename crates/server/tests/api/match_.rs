//! `match`.

use reqwest::Method;
use serde_json::json;

use vultus_store::enrollments::{Facts, NewEnrollment};

use crate::app::{TestApp, base64, keys_of};
use crate::pictures::{nobody, photo, side_by_side};

#[tokio::test]
async fn every_stored_embedding_has_a_score_and_a_verdict_and_nothing_else_is_in_data() {
    let app = TestApp::new().await;
    let id = app.enroll("Barack", &photo("obama-portrait")).await;
    let body = json!({"enrollment_id": id, "img0": base64(&photo("obama-portrait"))});
    app.json(Method::PUT, "/v1/enroll", &body).await.ok();

    let same = app.post("/v1/match", &json!({"id": id, "img": base64(&photo("obama-blue-room"))})).await.ok();
    assert_eq!(same["message"], "face processed successfully");
    assert_eq!(keys_of(&same["data"]), ["emb0_match", "emb0_score", "emb1_match", "emb1_score"]);
    assert_eq!((&same["data"]["emb0_match"], &same["data"]["emb1_match"]), (&json!(true), &json!(true)));
    assert_eq!(keys_of(&same["meta"]), ["best", "faces", "outdated", "similarity", "threshold"]);
    assert_eq!((&same["meta"]["threshold"], &same["meta"]["faces"]), (&json!(0.5), &json!(1)));
    assert_eq!(same["meta"]["similarity"].as_array().unwrap().len(), 2);

    let other = app.post("/v1/match", &json!({"id": id, "img": base64(&photo("biden"))})).await.ok();
    assert_eq!((&other["data"]["emb0_match"], &other["meta"]["best"]["match"]), (&json!(false), &json!(false)));
    let score = other["data"]["emb0_score"].as_f64().unwrap();
    assert!((0.0..0.4).contains(&score), "{score}");
}

#[tokio::test]
async fn the_threshold_of_the_request_counts_also_as_text() {
    let app = TestApp::new().await;
    let id = app.enroll("Barack", &photo("obama-portrait")).await;
    let photo = base64(&photo("obama-blue-room"));
    for (threshold, verdict) in [(json!(0), true), (json!("0.4"), true), (json!(0.999), false), (json!(null), true)] {
        let answer = app.post("/v1/match", &json!({"id": id, "img": photo, "threshold": threshold})).await.ok();
        assert_eq!(answer["data"]["emb0_match"], verdict, "{threshold}");
    }
    for (threshold, code) in [(json!(1.5), "wrong_value"), (json!("high"), "wrong_type"), (json!([0.5]), "wrong_type")]
    {
        let body = json!({"id": id, "img": photo, "threshold": threshold});
        assert!(app.post("/v1/match", &body).await.problem(400, code).contains("\"threshold\""));
    }
}

#[tokio::test]
async fn of_several_faces_the_best_decides() {
    let app = TestApp::new().await;
    let id = app.enroll("Joe", &photo("biden")).await;
    let crowd = base64(&side_by_side(&[("collins", 1.0), ("biden", 1.0)]));
    let answer = app.post("/v1/match", &json!({"id": id, "img": crowd})).await.ok();
    assert_eq!((&answer["data"]["emb0_match"], &answer["meta"]["faces"]), (&json!(true), &json!(2)));
}

#[tokio::test]
async fn pictures_and_ids_that_are_no_use_are_reported() {
    let app = TestApp::new().await;
    let id = app.enroll("Joe", &photo("biden")).await;
    let good = base64(&photo("biden"));
    app.post("/v1/match", &json!({"id": id, "img": base64(&nobody())})).await.no_face(&[(Some("img"), "no_face")]);
    app.post("/v1/match", &json!({"id": "nobody", "img": good})).await.problem(404, "not_found");
    assert!(app.post("/v1/match", &json!({"img": good})).await.problem(400, "missing_field").contains("\"id\""));
    assert!(app.post("/v1/match", &json!({"id": id})).await.problem(400, "missing_field").contains("\"img\""));
    assert!(app.post("/v1/match", &json!({"id": 12, "img": good})).await.problem(400, "wrong_type").contains("\"id\""));
    app.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": id})).await.ok();
    app.post("/v1/match", &json!({"id": id, "img": good})).await.problem(410, "deleted");
}

#[tokio::test]
async fn embeddings_of_another_model_are_not_compared() {
    let app = TestApp::with_worker(|config| config.matching.refit_delay = std::time::Duration::from_millis(1)).await;
    let account = app.account().await;
    let collection = app.collection("Old").await;
    let id = vultus::app::new_id(vultus_store::Kind::Enrollment).unwrap();
    let embedding = vultus_store::embeddings::NewEmbedding {
        id: vultus::app::new_id(vultus_store::Kind::Embedding).unwrap(),
        model: "another".into(),
        vector: vec![1.0, 0.0],
        quality: None,
    };
    let new = NewEnrollment {
        id,
        facts: Facts { name: "Old".into(), ..Facts::default() },
        collection_id: Some(collection.parse().unwrap()),
        embeddings: vec![embedding],
    };
    let mut tx = app.app.db.write(account).await.unwrap();
    vultus_store::enrollments::insert(&mut tx, account, &new, 1).await.unwrap();
    tx.commit().await.unwrap();
    let body = json!({"id": id.to_string(), "collection_id": collection, "img": base64(&photo("biden"))});
    for path in ["/v1/match", "/v1/identify"] {
        assert!(app.post(path, &body).await.problem(400, "other_model").contains("enroll the images again"));
    }
    let more = json!({"enrollment_id": id.to_string(), "img0": base64(&photo("biden"))});
    app.json(Method::PUT, "/v1/enroll", &more).await.ok();
    let answer = app.post("/v1/match", &body).await.ok();
    assert_eq!((&answer["data"]["emb0_match"], &answer["meta"]["outdated"]), (&json!(true), &json!(1)));
    app.jobs_done().await;
    let answer = app.post("/v1/identify", &body).await.ok();
    assert_eq!((&answer["data"]["name"], &answer["meta"]["outdated"]), (&json!("Old"), &json!(1)));
}
