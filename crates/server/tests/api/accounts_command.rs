//! `vultus accounts`.

use serde_json::{Value, json};
use vultus::config::VectorEngine;

use crate::app::{TestApp, base64};
use crate::collections_command::command;
use crate::pictures::photo;

/// Runs the command; gives whether it succeeded and what it printed.
fn accounts(app: &TestApp, arguments: &[&str]) -> (bool, String) {
    let done = command(app, &[&["accounts"], arguments].concat()).output().unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn an_account_has_thresholds_of_its_own() {
    let app = TestApp::with(|config| config.vectors.vectors = VectorEngine::Memory).await;
    let joe = app.enroll("Joe", &photo("biden")).await;
    let home = app.collection("Home").await;
    app.join(&joe, &home).await;
    let probe = json!({"id": joe, "collection_id": home, "img": base64(&photo("biden"))});
    let answers = async || {
        let matched = app.post("/v1/match", &probe).await.ok()["meta"]["threshold"].clone();
        let identified = app.post("/v1/identify", &probe).await.ok()["meta"]["threshold"].clone();
        let judged = app.post("/v1/spdetect", &probe).await.ok()["meta"]["threshold"].clone();
        json!([matched, identified, judged])
    };
    assert_eq!(answers().await, json!([0.5, 0.5, 0.5]));

    let (done, printed) = accounts(&app, &["set", "tests", "--match-threshold", "0.7", "--identify-threshold", "0.8"]);
    assert!(done, "{printed}");
    assert_eq!(printed, "tests: match threshold 0.7, identify threshold 0.8\n");
    assert_eq!(answers().await, json!([0.7, 0.8, 0.5]), "from the next request on");
    let (_, printed) = accounts(&app, &["set", "tests", "--match-threshold", "default", "--spoof-threshold", "0.25"]);
    assert_eq!(printed, "tests: identify threshold 0.8, spoof threshold 0.25\n");
    assert_eq!(answers().await, json!([0.5, 0.8, 0.25]));
    let explicit = json!({"id": joe, "img": base64(&photo("biden")), "threshold": 0.9});
    assert_eq!(app.post("/v1/match", &explicit).await.ok()["meta"]["threshold"], 0.9, "a request decides");

    let (done, listed) = accounts(&app, &["list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert!(done);
    assert_eq!((&listed["name"], &listed["identify_threshold"]), (&json!("tests"), &json!(0.8)));
    assert_eq!((&listed["match_threshold"], &listed["image_days"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_wrong_setting_is_refused_with_what_to_do() {
    let app = TestApp::new().await;
    for (arguments, expected) in [
        (["set", "nobody", "--image-days", "3"], "vultus accounts list"),
        (["set", "tests", "--image-days", "0"], "from 1 to 36500"),
        (["set", "tests", "--match-threshold", "1.5"], "from 0 to 1"),
        (["set", "tests", "--keep-images", "perhaps"], "--keep-images"),
        (["set", "tests", "--keep-images", "default"], "nothing changes"),
    ] {
        let (done, printed) = accounts(&app, &arguments);
        assert!(!done && printed.contains(expected), "{arguments:?}: {printed}");
    }
}
