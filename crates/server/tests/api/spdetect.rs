//! `spdetect`.

use serde_json::json;

use crate::app::{TestApp, base64, keys_of};
use crate::pictures::{nobody, photo};

#[tokio::test]
async fn a_judgement_has_the_documented_shape_and_is_stored() {
    let app = TestApp::new().await;
    for answer in [
        app.post_bytes("/v1/spdetect", photo("collins")).await.ok(),
        app.post("/v1/spdetect", &json!({"img": base64(&photo("collins"))})).await.ok(),
    ] {
        assert_eq!(answer["message"], "data processed successfully");
        let data = &answer["data"];
        assert_eq!(keys_of(data), ["class", "key", "score", "success"]);
        assert_eq!(data["success"], true);
        let liveness = answer["meta"]["liveness"].as_f64().unwrap();
        let (class, score) = if liveness >= 0.5 { ("real", liveness) } else { ("fake", 1.0 - liveness) };
        assert_eq!(data["class"], class);
        assert!((data["score"].as_f64().unwrap() - score).abs() < 1e-6, "the confidence of the class");

        let key = data["key"].as_str().unwrap().parse().unwrap();
        let account = app.account().await;
        let stored = vultus_store::snapshots::by_id(&app.app.db, account, key).await.unwrap();
        assert_eq!(stored.class, class);
    }
}

#[tokio::test]
async fn the_threshold_decides_the_class() {
    let strict = TestApp::with(|config| config.matching.spoof_threshold = 1.0).await;
    let answer = strict.post_bytes("/v1/spdetect", photo("collins")).await.ok();
    assert_eq!((&answer["data"]["class"], &answer["meta"]["threshold"]), (&json!("fake"), &json!(1.0)));
}

#[tokio::test]
async fn without_a_face_there_is_no_judgement() {
    let app = TestApp::new().await;
    app.post_bytes("/v1/spdetect", nobody()).await.no_face(&[(None, "no_face")]);
    app.post("/v1/spdetect", &json!({"img": base64(&nobody())})).await.no_face(&[(Some("img"), "no_face")]);
    app.post_bytes("/v1/spdetect", vec![]).await.problem(400, "empty_body");
}
