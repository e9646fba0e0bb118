//! `collection` and `train`.

use reqwest::Method;
use serde_json::{Value, json};
use vultus_store::{Id, Kind};

use crate::app::{TestApp, keys_of};
use crate::pictures::photo;

#[tokio::test]
async fn collections_are_made_filled_trained_listed_and_deleted() {
    let app = TestApp::new().await;
    let made = app.post("/v1/collection", &json!({"name": "Home", "unknowns": true})).await.ok();
    assert_eq!(made["message"], "collection created successfully");
    assert_eq!(keys_of(&made["data"]), ["collection_id"]);
    let id = made["data"]["collection_id"].as_str().unwrap();
    let person = app.enroll("Eileen", &photo("collins")).await;

    let body = json!({"enrollment_id": person, "collection_id": id});
    for _ in 0..2 {
        let updated = app.json(Method::PUT, "/v1/collection", &body).await.ok();
        assert_eq!(updated["message"], "collection updated successfully");
        assert_eq!(updated["data"], json!({"collection_id": id}));
    }
    for field in ["collection_id", "collection_id_"] {
        let trained = app.post("/v1/train", &json!({field: id})).await.ok();
        assert_eq!(
            (&trained["message"], &trained["data"]["collection_id"]),
            (&json!("retraining the classifier"), &json!(id))
        );
    }

    let listed = app.get("/v1/collection").await.ok();
    let entry = &listed["data"][0];
    assert_eq!(
        keys_of(entry),
        ["classifier_url", "created", "enrollments", "id", "label_encoder", "name", "owner", "unknown", "updated"]
    );
    assert_eq!(
        (&entry["name"], &entry["unknown"], &entry["enrollments"]),
        (&json!("Home"), &json!(true), &json!([person]))
    );
    assert_eq!(
        (&entry["classifier_url"], &entry["label_encoder"], &listed["message"]),
        (&json!(""), &json!(""), &Value::Null)
    );

    let deleted = app.json(Method::DELETE, "/v1/collection", &json!({"collection_id": id})).await.ok();
    let text = format!("Entity *{id}* has been deleted");
    assert_eq!(deleted, json!({"data": text, "message": null, "success": true}));
    for method in [Method::DELETE, Method::PUT] {
        app.json(method, "/v1/collection", &body).await.problem(410, "deleted");
    }
    app.post("/v1/train", &body).await.problem(410, "deleted");
    assert_eq!(app.get("/v1/enroll").await.ok()["data"][0]["id"], json!(person), "members stay enrolled");
}

#[tokio::test]
async fn unknowns_is_read_as_old_clients_send_it() {
    let app = TestApp::new().await;
    for (sent, stored) in [(json!("true"), true), (json!("false"), false), (json!(false), false), (json!(1), true)] {
        app.post("/v1/collection", &json!({"name": sent.to_string(), "unknowns": sent})).await.ok();
        let name = sent.to_string().replace('"', "%22");
        let listed = app.get(&format!("/v1/collection?name={name}")).await.ok();
        assert_eq!(listed["data"][0]["unknown"], stored, "{sent}");
    }
    let message =
        app.post("/v1/collection", &json!({"name": "x", "unknowns": "perhaps"})).await.problem(400, "wrong_value");
    assert!(message.contains("\"unknowns\"") && message.contains("false, 0, no"), "{message}");
}

#[tokio::test]
async fn wrong_requests_name_the_field_and_unknown_ids_are_not_found() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let person = app.enroll("Eileen", &photo("collins")).await;
    for (method, path, body, code, field) in [
        (Method::POST, "/v1/collection", json!({}), "missing_field", "name"),
        (Method::POST, "/v1/collection", json!({"name": "  "}), "missing_field", "name"),
        (Method::POST, "/v1/collection", json!({"name": 1}), "wrong_type", "name"),
        (Method::PUT, "/v1/collection", json!({"collection_id": home}), "missing_field", "enrollment_id"),
        (Method::PUT, "/v1/collection", json!({"enrollment_id": person}), "missing_field", "collection_id"),
        (Method::DELETE, "/v1/collection", json!({}), "missing_field", "collection_id"),
        (Method::POST, "/v1/train", json!({"collection_id": true}), "wrong_type", "collection_id"),
    ] {
        let message = app.json(method, path, &body).await.problem(400, code);
        assert!(message.contains(&format!("\"{field}\"")), "{message}");
    }
    let (no_home, nobody) = (Id::new(Kind::Collection, 1, [1; 8]), Id::new(Kind::Enrollment, 1, [1; 8]));
    for body in [
        json!({"collection_id": no_home.to_string(), "enrollment_id": person}),
        json!({"collection_id": home, "enrollment_id": nobody.to_string()}),
        json!({"collection_id": person, "enrollment_id": home}),
    ] {
        app.json(Method::PUT, "/v1/collection", &body).await.problem(404, "not_found");
    }
    app.post("/v1/train", &json!({"collection_id": "x"})).await.problem(404, "not_found");
    app.get(&format!("/v1/collection?id={no_home}")).await.problem(404, "not_found");
    app.json(Method::DELETE, "/v1/collection", &json!({"id": no_home.to_string()})).await.problem(404, "not_found");
}
