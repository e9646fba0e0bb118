//! Ids that another server issued, which clients keep.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, base64};
use crate::load::occupy;
use crate::operations::operations;
use crate::pictures::photo;
use crate::snapshots::redacted;

/// As the service of 2017 made them.
const OLD_PERSON: &str = "ahBzfm5vdWlzcGRldGVjdG9ychcLEgpFbnJvbGxtZW50GICAgJDoq_cIDA";
const OLD_COLLECTION: &str = "ahBzfm5vdWlzcGRldGVjdG9ychcLEgpDb2xsZWN0aW9uGICAgJDoq-cIDA";

/// Makes a person in a collection, both with old ids; gives the new ones.
async fn people(app: &TestApp) -> (String, String) {
    let home = json!({"name": "Home", "legacy_id": OLD_COLLECTION});
    let home = app.post("/v1/collection", &home).await.ok()["data"]["collection_id"].as_str().unwrap().to_owned();
    let image = base64(&photo("biden"));
    let person = json!({"img0": image, "img1": image, "name": "Joe", "legacy_id": OLD_PERSON, "collection_id": home});
    let person = app.post("/v1/enroll", &person).await.ok()["data"]["enrollment_id"].as_str().unwrap().to_owned();
    (person, home)
}

#[tokio::test]
async fn a_legacy_id_is_taken_wherever_an_id_is() {
    let app = TestApp::new().await;
    let mut tried = 0;
    for operation in operations() {
        let names: Vec<&str> = operation.query.iter().chain(&operation.body).map(|(name, _)| name.as_str()).collect();
        if !["id", "enrollment_id", "collection_id"].iter().any(|name| names.contains(name)) {
            continue;
        }
        let mut answers = Vec::new();
        for by_legacy_id in [false, true] {
            let (joe, home) = people(&app).await;
            let listed = app.get(&format!("/v1/enroll?id={joe}")).await.ok();
            let (person, set) = if by_legacy_id { (OLD_PERSON, OLD_COLLECTION) } else { (joe.as_str(), home.as_str()) };
            let img = base64(&photo("biden"));
            let mut body =
                json!({"img": img, "img0": img, "id": person, "enrollment_id": person, "collection_id": set});
            body["embedding_id"] = listed["data"][0]["embeddings"][0].clone();
            body.as_object_mut().unwrap().retain(|name, _| names.contains(&name.as_str()));
            let answer = app.json(operation.method.clone(), &operation.path, &body).await.ok();
            answers.push(redacted(&answer));
            // What the operation itself deleted is gone already.
            app.json(Method::DELETE, "/v1/collection", &json!({"collection_id": home})).await;
            for left in app.get("/v1/enroll").await.ok()["data"].as_array().unwrap() {
                app.json(Method::DELETE, "/v1/enroll", &json!({"id": left["id"]})).await.ok();
            }
        }
        assert_eq!(answers[0], answers[1], "{}", operation.id);
        tried += 1;
    }
    assert!(tried >= 12, "{tried}");
}

#[tokio::test]
async fn legacy_ids_are_shown_changed_and_removed() {
    let app = TestApp::new().await;
    let (person, home) = people(&app).await;
    let shown = async || {
        let (people, sets) = (app.get("/v1/enroll").await.ok(), app.get("/v1/collection").await.ok());
        [people["data"][0].get("legacy_id").cloned(), sets["data"][0].get("legacy_id").cloned()]
    };
    assert_eq!(shown().await, [Some(json!(OLD_PERSON)), Some(json!(OLD_COLLECTION))]);
    let probe = json!({"img": base64(&photo("biden")), "collection_id": OLD_COLLECTION});
    let found = app.post("/v1/identify", &probe).await.ok();
    assert_eq!(found["meta"]["candidates"][0]["legacy_id"], OLD_PERSON);

    let change = async |legacy_id: Value| {
        let body = json!({"enrollment_id": person, "collection_id": home, "legacy_id": legacy_id});
        app.json(Method::PUT, "/v1/enroll", &body).await.ok();
        app.json(Method::PUT, "/v1/collection", &body).await.ok();
    };
    change(json!(" 7 ")).await;
    assert_eq!(shown().await, [Some(json!("7")), Some(json!("7"))]);
    app.get(&format!("/v1/enroll?id={OLD_PERSON}")).await.problem(404, "not_found");
    change(json!("")).await;
    assert_eq!(shown().await, [None, None]);
    app.get("/v1/collection?id=7").await.problem(404, "not_found");

    // A collection gets its legacy id without a person; without both there is nothing to do.
    let alone = json!({"collection_id": home, "legacy_id": OLD_COLLECTION});
    app.json(Method::PUT, "/v1/collection", &alone).await.ok();
    app.get(&format!("/v1/collection?id={OLD_COLLECTION}")).await.ok();
    let nothing = app.json(Method::PUT, "/v1/collection", &json!({"collection_id": home})).await;
    assert!(nothing.problem(400, "missing_field").contains("\"enrollment_id\""));
}

#[tokio::test]
async fn a_legacy_id_that_is_taken_is_refused_before_any_work_and_is_free_after_a_deletion() {
    let app = TestApp::with_own_engine(|config| config.engine.engine_queue = 0).await;
    let (person, home) = people(&app).await;
    let other = app.enroll("Eileen", &photo("collins")).await;
    let held = occupy(&app).await;
    let image = base64(&photo("collins"));
    let new = json!({"img0": image, "legacy_id": OLD_PERSON});
    let message = app.post("/v1/enroll", &new).await.problem(400, "legacy_id_taken");
    assert!(message.contains("another enrollment"), "{message}");
    for more in [json!({"img0": image}), json!({})] {
        let mut body = more;
        (body["enrollment_id"], body["legacy_id"]) = (json!(other), json!(OLD_PERSON));
        app.json(Method::PUT, "/v1/enroll", &body).await.problem(400, "legacy_id_taken");
    }
    let again = json!({"name": "Home", "legacy_id": OLD_COLLECTION});
    app.post("/v1/collection", &again).await.problem(400, "legacy_id_taken");
    assert_eq!(app.get("/v1/collection").await.ok()["data"].as_array().unwrap().len(), 1);
    drop(held);
    let own = json!({"enrollment_id": person, "legacy_id": OLD_PERSON});
    app.json(Method::PUT, "/v1/enroll", &own).await.ok();

    app.json(Method::DELETE, "/v1/enroll", &json!({"id": OLD_PERSON})).await.ok();
    app.json(Method::DELETE, "/v1/enroll", &json!({"id": OLD_PERSON})).await.problem(404, "not_found");
    app.json(Method::DELETE, "/v1/collection", &json!({"id": home})).await.ok();
    people(&app).await;
}

#[tokio::test]
async fn texts_that_are_no_legacy_ids_are_refused_with_what_is() {
    let app = TestApp::new().await;
    let own = app.collection("Home").await;
    for (bad, told) in [
        (json!("a b"), "has other characters than"),
        (json!("Zo\u{eb}"), "has other characters than"),
        (json!("a".repeat(513)), "is longer than 512 characters"),
        (json!(own), "has the form of an id of this server"),
        (json!(7), "must be a string"),
    ] {
        let refused = app.post("/v1/collection", &json!({"name": "Den", "legacy_id": bad})).await;
        assert_eq!(refused.status, 400);
        let message = refused.json["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("\"legacy_id\" {told}")), "{message}");
    }
    for odd in ["a\0b", "Zo\u{eb}", "a b"] {
        let body = json!({"collection_id": odd});
        app.json(Method::DELETE, "/v1/collection", &body).await.problem(404, "not_found");
    }
}
