//! Requests as the samples of the original reference and its old clients send them.

use reqwest::Method;
use serde_json::{Value, json};
use vultus::auth::principal::Answers;

use crate::app::{TestApp, base64, keys_of, reply};
use crate::pictures::{nobody, photo, side_by_side};

/// The Python samples from top to bottom: JSON bodies on every method.
#[tokio::test]
async fn the_python_samples_work_unchanged() {
    let app = TestApp::new().await;
    let headers = |method: Method, path: &str, data: &Value| {
        let request = app.bare(method, path).header("x-api-key", &app.key).header("Content-Type", "application/json");
        reply(request.body(data.to_string()))
    };
    let images = json!({
        "img0": base64(&photo("obama-portrait")),
        "img1": base64(&photo("obama-blue-room")),
        "name": "John Doe",
    });
    let enrolled = headers(Method::POST, "/v1/enroll", &images).await.ok();
    assert_eq!(enrolled["message"], "enrollment processed successfully");
    let id = enrolled["data"]["enrollment_id"].clone();
    let home = headers(Method::POST, "/v1/collection", &json!({"name": "Home"})).await.ok();
    let home = home["data"]["collection_id"].clone();
    let both = json!({"enrollment_id": id, "collection_id": home});
    headers(Method::PUT, "/v1/collection", &both).await.ok();
    headers(Method::POST, "/v1/train", &json!({"collection_id": home})).await.ok();

    let image = base64(&photo("obama-blue-room"));
    let matched = headers(Method::POST, "/v1/match", &json!({"img": image, "id": id})).await.ok();
    let scores = matched["data"].as_object().unwrap().iter().filter(|(key, _)| key.contains("score"));
    assert!(
        scores.clone().count() == 2 && scores.clone().all(|(_, score)| (0.0..=1.0).contains(&score.as_f64().unwrap()))
    );
    let identified = headers(Method::POST, "/v1/identify", &json!({"img": image, "collection_id": home})).await.ok();
    assert_eq!((&identified["data"]["name"], &identified["data"]["key"]), (&json!("John Doe"), &id));

    let deleted = headers(Method::DELETE, "/v1/collection", &json!({"collection_id": home})).await.ok();
    assert_eq!(deleted["data"], format!("Entity *{}* has been deleted", home.as_str().unwrap()));
    let deleted = headers(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": id})).await.ok();
    assert_eq!(deleted["data"], format!("Enrollment *{}* has been deleted", id.as_str().unwrap()));
}

#[tokio::test]
async fn deletions_and_lists_take_query_parameters_as_well() {
    let app = TestApp::new().await;
    for name in ["enrollment_id", "id"] {
        let id = app.enroll("E", &photo("collins")).await;
        let listed = app.get(&format!("/v1/enroll?{name}={id}")).await.ok();
        assert_eq!(listed["data"][0]["id"], json!(id));
        reply(app.request(Method::DELETE, &format!("/v1/enroll?{name}={id}"))).await.ok();
    }
    for name in ["collection_id", "id"] {
        let id = app.collection("C").await;
        reply(app.request(Method::DELETE, &format!("/v1/collection?{name}={id}"))).await.ok();
    }
    let junk = app.request(Method::GET, "/v1/enroll").body("--not json");
    assert_eq!(reply(junk).await.ok()["data"], json!([]), "an unparsable GET body is ignored");
    let junk = app.request(Method::DELETE, "/v1/enroll").body("--not json");
    reply(junk).await.problem(400, "not_json");
}

#[tokio::test]
async fn the_same_handlers_answer_without_the_prefix_for_any_host() {
    let app = TestApp::new().await;
    for path in ["/facedetect", "/v1/facedetect"] {
        let request = app.request(Method::POST, path).header("host", "api.example.org").body(photo("collins"));
        assert_eq!(reply(request).await.ok()["data"]["faces"].as_array().unwrap().len(), 1);
    }
    assert_eq!(app.get("/collection").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn json_and_base64_are_read_as_old_clients_write_them() {
    let app = TestApp::new().await;
    let plain = base64(&photo("collins"));
    let broken: String =
        plain.as_bytes().chunks(76).flat_map(|line| [std::str::from_utf8(line).unwrap(), "\n"]).collect();
    let url_safe = plain.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned();
    for img in [broken, url_safe, format!("data:image/jpeg;base64,{plain}"), format!("data:image/png;base64,{plain}")] {
        let body = json!({"img": img}).to_string();
        for kind in ["text/plain", "application/x-www-form-urlencoded"] {
            let request = app.request(Method::POST, "/v1/facedetect").header("content-type", kind).body(body.clone());
            let answer = reply(request).await.ok();
            assert_eq!(keys_of(&answer["data"]), ["faces"]);
        }
    }
    let body = json!({"name": "Anna"}).to_string();
    let request = app.request(Method::POST, "/v1/collection").header("content-type", "image/jpeg").body(body);
    reply(request).await.ok();
    assert_eq!(app.get("/v1/collection").await.ok()["data"][0]["name"], "Anna");
}

/// A game of thrones app (2017-08) and a door app for iOS (2017-12) read `data[0]` of identify, and a client that sends pictures
/// by SMS reads `data[0]` of match. A key that is made for them gets lists.
#[tokio::test]
async fn clients_that_read_the_first_item_of_a_list_get_lists() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let (barack, joe) =
        (app.enroll("Barack", &photo("obama-portrait")).await, app.enroll("Joe", &photo("biden")).await);
    app.join(&barack, &home).await;
    app.join(&joe, &home).await;
    let key = app.key_for(Answers::Arrays).await;
    let ask = async |path: &str, picture: &[u8]| {
        let body = json!({"img": base64(picture), "id": joe, "collection_id": home}).to_string();
        reply(app.bare(Method::POST, path).header("x-api-key", &key).body(body)).await
    };
    let both = side_by_side(&[("obama-portrait", 1.0), ("biden", 0.5)]);

    let identified = ask("/v1/identify", &both).await.ok();
    let faces = identified["data"].as_array().unwrap();
    let told: Vec<_> =
        faces.iter().map(|face| (face["key"].as_str().unwrap(), face["name"].as_str().unwrap())).collect();
    assert_eq!(told, [(barack.as_str(), "Barack"), (joe.as_str(), "Joe")], "largest first");
    assert!(faces.iter().all(|face| face["confidence"].as_f64().unwrap() > 0.9), "{faces:?}");
    assert!(identified["message"].is_string(), "the app for iOS casts it");

    let matched = ask("/v1/match", &both).await.ok();
    let faces: Vec<&Value> = matched["data"].as_array().unwrap().iter().map(|face| &face["emb0_match"]).collect();
    assert_eq!(faces, [false, true]);
    assert_eq!((&matched["meta"]["best"]["match"], &matched["meta"]["faces"]), (&json!(true), &json!(2)));

    for path in ["/v1/identify", "/v1/match"] {
        ask(path, &nobody()).await.no_face(&[(Some("img"), "no_face")]);
        let usual = app.post(path, &json!({"img": base64(&both), "id": joe, "collection_id": home})).await.ok();
        assert!(usual["data"].is_object(), "{path}");
    }
    for path in ["/v1/facedetect", "/v1/spdetect"] {
        assert!(ask(path, &both).await.ok()["data"].is_object(), "{path}");
    }
}
