//! No account sees or changes anything of another, on any endpoint.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, TestApp, base64, reply};
use crate::operations::{Operation, operations};
use crate::pictures::photo;

/// Sends a request with the key of a stranger.
async fn stranger(app: &TestApp, key: &str, method: Method, path: &str, body: &Value) -> Reply {
    reply(app.bare(method, path).header("x-api-key", key).body(body.to_string())).await
}

#[tokio::test]
async fn ids_of_another_account_are_unknown_everywhere() {
    let app = TestApp::new().await;
    let (person, home) = (app.enroll("Joe", &photo("biden")).await, app.collection("Home").await);
    app.join(&person, &home).await;
    let legacy = json!({"enrollment_id": person, "collection_id": home, "legacy_id": "old-7"});
    app.json(Method::PUT, "/v1/enroll", &legacy).await.ok();
    app.json(Method::PUT, "/v1/collection", &legacy).await.ok();
    let key = app.key_of("strangers").await;
    let img = base64(&photo("biden"));
    let own = stranger(&app, &key, Method::POST, "/v1/enroll", &json!({"img0": img})).await.ok();
    let own = own["data"]["enrollment_id"].as_str().unwrap();
    let den = stranger(&app, &key, Method::POST, "/v1/collection", &json!({"name": "Den"})).await.ok();
    let den = den["data"]["collection_id"].as_str().unwrap();

    let template = app.get(&format!("/v1/enroll?id={person}")).await.ok()["data"][0]["embeddings"][0].clone();
    let own_template =
        stranger(&app, &key, Method::GET, "/v1/enroll", &json!({})).await.ok()["data"][0]["embeddings"][0].clone();
    let mut tried = 0;
    for operation in operations() {
        let names: Vec<&String> = operation.query.iter().chain(&operation.body).map(|(name, _)| name).collect();
        let foreign = |name: &str| match name {
            "enrollment_id" | "id" => Some(json!(person)),
            "collection_id" => Some(json!(home)),
            "embedding_id" => Some(template.clone()),
            _ => None,
        };
        let foreign = names.iter().filter_map(|name| Some((name, foreign(name)?)));
        for (name, value) in foreign.flat_map(|(name, id)| [(name, id), (name, json!("old-7"))]) {
            let mut body = json!({"img": img, "img0": img, "id": own, "enrollment_id": own, "collection_id": den});
            body["embedding_id"] = own_template.clone();
            body.as_object_mut().unwrap().retain(|known, _| names.contains(&known));
            body[name.as_str()] = value;
            let Operation { method, path, id, .. } = &operation;
            let reply = stranger(&app, &key, method.clone(), path, &body).await;
            assert!(!reply.json.to_string().contains("Joe"), "{id} {name}");
            assert_eq!(reply.status, 404, "{id} {name}: {}", reply.json);
            reply.problem(404, "not_found");
            tried += 1;
        }
    }
    assert!(tried >= 36, "{tried}");

    let people = stranger(&app, &key, Method::GET, "/v1/enroll", &json!({})).await.ok();
    assert_eq!(people["data"].as_array().unwrap().len(), 1);
    let sets = stranger(&app, &key, Method::GET, "/v1/collection", &json!({})).await.ok();
    assert_eq!((sets["data"].as_array().unwrap().len(), &sets["data"][0]["id"]), (1, &json!(den)));

    stranger(&app, &key, Method::PUT, "/v1/enroll", &json!({"enrollment_id": own, "legacy_id": "old-7"})).await.ok();
    let probe = json!({"img": img, "id": person, "collection_id": home});
    assert_eq!(app.post("/v1/match", &probe).await.ok()["data"]["emb0_match"], true, "all is there still");
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["key"], json!(person));
}

#[tokio::test]
async fn deleted_ids_of_another_account_are_unknown_too() {
    let app = TestApp::new().await;
    let (person, home) = (app.enroll("Joe", &photo("biden")).await, app.collection("Home").await);
    app.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": person})).await.ok();
    app.json(Method::DELETE, "/v1/collection", &json!({"collection_id": home})).await.ok();
    let key = app.key_of("strangers").await;
    for (path, body) in
        [("/v1/enroll", json!({"enrollment_id": person})), ("/v1/collection", json!({"collection_id": home}))]
    {
        app.json(Method::DELETE, path, &body).await.problem(410, "deleted");
        stranger(&app, &key, Method::DELETE, path, &body).await.problem(404, "not_found");
    }
}
