//! `enroll`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use vultus::config::VectorEngine;
use vultus_store::{Id, Kind};

use crate::app::{TestApp, base64, keys_of, skip_of};
use crate::blobs::kept_images;
use crate::pictures::{nobody, photo, twins};

const UNKNOWN: &str = "EAGiAD2WZX8evd7hoHhg3TU";

#[tokio::test]
async fn people_are_enrolled_listed_extended_and_deleted() {
    let app = TestApp::new().await;
    let made = app.post("/v1/enroll", &json!({"img0": base64(&photo("obama-portrait")), "name": "Barack"})).await.ok();
    assert_eq!(made["message"], "enrollment processed successfully");
    assert_eq!(keys_of(&made["data"]), ["enrollment_id"]);
    let id = made["data"]["enrollment_id"].as_str().unwrap();

    let body = json!({"enrollment_id": id, "img0": base64(&photo("obama-blue-room"))});
    let extended = app.json(Method::PUT, "/v1/enroll", &body).await.ok();
    assert_eq!(extended["message"], "enrollment updated successfully");
    assert_eq!(extended["data"], json!({"enrollment_id": id}));
    assert_eq!(extended["meta"], json!({"embeddings": 1, "skipped": [], "similar": []}));

    let listed = app.get("/v1/enroll").await.ok();
    assert_eq!((&listed["message"], listed.get("meta")), (&Value::Null, None));
    let entry = &listed["data"][0];
    let keys = ["collection_id", "created", "embeddings", "id", "images", "name", "owner", "updated"];
    assert_eq!(keys_of(entry), keys);
    assert_eq!((&entry["id"], &entry["name"], &entry["images"]), (&json!(id), &json!("Barack"), &json!([])));
    assert_eq!((&entry["collection_id"], entry["embeddings"].as_array().unwrap().len()), (&Value::Null, 2));
    for time in ["created", "updated"] {
        let time = entry[time].as_str().unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000");
    }

    let deleted = app.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": id})).await.ok();
    let text = format!("Enrollment *{id}* has been deleted");
    assert_eq!(deleted, json!({"data": text, "message": null, "success": true}));
    assert_eq!(app.get("/v1/enroll").await.ok()["data"], json!([]));
    for method in [Method::DELETE, Method::PUT] {
        app.json(method, "/v1/enroll", &body).await.problem(410, "deleted");
    }
    app.get(&format!("/v1/enroll?id={id}")).await.problem(410, "deleted");
}

#[tokio::test]
async fn pictures_without_one_dominant_face_are_skipped_and_reported() {
    let app = TestApp::new().await;
    let body = json!({
        "img0": base64(&nobody()), "img3": base64(&photo("collins")), "img7": base64(&twins("collins")), "name": "E",
    });
    let made = app.post("/v1/enroll", &body).await.ok();
    let skipped: Vec<_> = made["meta"]["skipped"].as_array().unwrap().iter().map(skip_of).collect();
    assert_eq!(skipped, [(Some("img0"), "no_face"), (Some("img7"), "several_faces")]);
    assert_eq!(made["meta"]["embeddings"], 1);

    let body = json!({"img0": base64(&nobody()), "img1": base64(&twins("collins"))});
    let all = [(Some("img0"), "no_face"), (Some("img1"), "several_faces")];
    app.post("/v1/enroll", &body).await.no_face(&all);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 1, "nothing was stored");
}

#[tokio::test]
async fn wrong_requests_name_the_field_and_store_nothing() {
    let app = TestApp::new().await;
    let photo = base64(&photo("collins"));
    let mut eleven = json!({"name": "Many"});
    for i in 0..11 {
        eleven[format!("img{i}")] = json!(photo);
    }
    let message = app.post("/v1/enroll", &eleven).await.problem(400, "too_many_images");
    assert!(message.contains("11") && message.contains("10"), "{message}");

    let body = json!({"img0": photo, "img3": "@@@"});
    let message = app.post("/v1/enroll", &body).await.problem(400, "not_base64");
    assert!(message.contains("\"img3\""), "{message}");
    let body = json!({"img0": photo, "img3": base64(b"hello")});
    assert!(app.post("/v1/enroll", &body).await.problem(400, "bad_image").starts_with("\"img3\": not an image"));
    let body = json!({"img0": photo, "img3": ""});
    assert!(app.post("/v1/enroll", &body).await.problem(400, "bad_image").starts_with("\"img3\": the image is empty"));
    for (body, code, field) in [
        (json!({"name": "N"}), "missing_field", "img0"),
        (json!({"img0": photo, "name": ["N"]}), "wrong_type", "name"),
        (json!({"img0": photo, "name": "x".repeat(201)}), "wrong_value", "name"),
        (json!({"img0": {"url": "x"}}), "wrong_type", "img0"),
        (json!({"img0": photo, "metadata": [1]}), "wrong_value", "metadata"),
        (json!({"img0": photo, "metadata": {"x": "y".repeat(4096)}}), "wrong_value", "metadata"),
        (json!({"img0": photo, "external_id": "x".repeat(201)}), "wrong_value", "external_id"),
        (json!({"img0": photo, "collection_id": 7}), "wrong_type", "collection_id"),
        (json!({"img0": photo, "collection_id": "C".repeat(513)}), "wrong_value", "collection_id"),
    ] {
        let message = app.post("/v1/enroll", &body).await.problem(400, code);
        assert!(message.contains(&format!("\"{field}\"")), "{message}");
    }
    app.post_bytes("/v1/enroll", vec![]).await.problem(400, "empty_body");
    app.post_bytes("/v1/enroll", b"[1]".to_vec()).await.problem(400, "not_json");
    app.post("/v1/enroll", &json!({"img0": photo, "collection_id": UNKNOWN})).await.problem(404, "not_found");
    assert_eq!(app.get("/v1/enroll").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn updates_and_deletions_need_an_id_that_exists() {
    let app = TestApp::new().await;
    let photo = base64(&photo("collins"));
    let never = Id::new(Kind::Enrollment, 1, [1; 8]).to_string();
    for id in [never.as_str(), "ahBzfmNodWlzcGRldGVjdG9ychcLEgpFbnJvbGxtZW50GICAgJDoq_cIDA", "x"] {
        let body = json!({"enrollment_id": id, "img0": photo});
        app.json(Method::PUT, "/v1/enroll", &body).await.problem(404, "not_found");
        app.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": id})).await.problem(404, "not_found");
        app.get(&format!("/v1/enroll?enrollment_id={id}")).await.problem(404, "not_found");
    }
    for (method, body) in [(Method::PUT, json!({"img0": photo})), (Method::DELETE, json!({}))] {
        let message = app.json(method, "/v1/enroll", &body).await.problem(400, "missing_field");
        assert!(message.contains("\"enrollment_id\""), "{message}");
    }
    let small = TestApp::with(|config| config.matching.max_embeddings = 1).await;
    let id = small.enroll("One", &crate::pictures::photo("collins")).await;
    let body = json!({"enrollment_id": id, "img0": photo});
    small.json(Method::PUT, "/v1/enroll", &body).await.problem(400, "too_many_embeddings");
    let two = json!({"img0": photo, "img1": photo});
    small.post("/v1/enroll", &two).await.problem(400, "too_many_embeddings");
    assert_eq!(small.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn too_many_and_too_long_pictures_are_refused_before_any_work() {
    let app = TestApp::with_own_engine(|config| {
        config.images.max_images = 3;
        config.images.max_image_bytes = 100_000;
        config.matching.max_embeddings = 4;
        config.engine.engine_queue = 0;
    })
    .await;
    let id = app.enroll("One", &photo("collins")).await;
    // All inference would be refused from here on.
    let _held = crate::load::occupy(&app).await;
    let body = |images: usize, image: &str| {
        let mut body = json!({"enrollment_id": id});
        (0..images).for_each(|number| body[format!("img{number}")] = json!(image));
        body
    };
    let many = app.json(Method::PUT, "/v1/enroll", &body(900, "@@@ not decoded")).await;
    let message = many.problem(400, "too_many_images");
    assert!(message.contains("900") && message.contains("limit is 3"), "{message}");
    let many = app.json(Method::PUT, "/v1/enroll", &body(3_000, "@@@ not decoded")).await;
    many.problem(400, "too_many_parameters");
    let picture = base64(&photo("collins"));
    let added = app.json(Method::PUT, "/v1/enroll", &body(3, &picture)).await;
    added.problem(503, "engine_busy");
    let full = TestApp::with(|config| config.matching.max_embeddings = 2).await;
    let id = full.enroll("One", &photo("collins")).await;
    let two = json!({"enrollment_id": id, "img0": "AAAA", "img1": "AAAA"});
    full.json(Method::PUT, "/v1/enroll", &two).await.problem(400, "too_many_embeddings");
    let long = app.json(Method::PUT, "/v1/enroll", &body(1, &"@".repeat(140_000))).await;
    let message = long.problem(400, "bad_image");
    assert!(message.starts_with("\"img0\": the image has 105000 bytes, the limit is 100000"), "{message}");
}

#[tokio::test]
async fn lists_can_be_filtered_and_paged() {
    let app = TestApp::new().await;
    let mut ids = Vec::new();
    for name in ["A", "B", "A"] {
        ids.push(app.enroll(name, &photo("collins")).await);
    }
    let home = app.collection("Home").await;
    app.join(&ids[1], &home).await;
    let listed = async |query: &str| -> Vec<String> {
        let answer = app.get(&format!("/v1/enroll?{query}")).await.ok();
        answer["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("").await, ids);
    assert_eq!(listed("name=A").await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(listed(&format!("collection_id={home}")).await, [ids[1].clone()]);
    assert_eq!(listed(&format!("id={}", ids[2])).await, [ids[2].clone()]);

    let first = app.get("/v1/enroll?limit=2").await.ok();
    let cursor = first["meta"]["next_cursor"].as_str().unwrap();
    let second = app.get(&format!("/v1/enroll?limit=2&cursor={cursor}")).await.ok();
    assert_eq!((&second["data"][0]["id"], &second["meta"]["next_cursor"]), (&json!(ids[2]), &Value::Null));
    app.get("/v1/enroll?limit=0").await.problem(400, "wrong_value");
    app.get("/v1/enroll?cursor=x").await.problem(400, "wrong_value");
    let entry = app.get(&format!("/v1/enroll?id={}", ids[1])).await.ok();
    assert_eq!(entry["data"][0]["collection_id"], json!(home));
}

#[tokio::test]
async fn images_are_kept_only_if_asked_for_and_go_with_the_enrollment() {
    let files = |app: &TestApp| kept_images(app).len();
    let forgetful = TestApp::new().await;
    forgetful.enroll("E", &photo("collins")).await;
    assert_eq!(files(&forgetful), 0);

    let keeping = TestApp::with(|config| config.images.keep_images = true).await;
    let id = keeping.enroll("E", &photo("collins")).await;
    assert_eq!(files(&keeping), 1);
    keeping.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": id})).await.ok();
    assert_eq!(files(&keeping), 0);
}

#[tokio::test]
async fn external_ids_and_metadata_are_kept_and_reported() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let body = json!({
        "img0": base64(&photo("collins")), "name": "Eileen", "external_id": "astronaut-7", "collection_id": home,
        "metadata": {"floors": [1, 2], "vip": null},
    });
    let id = app.post("/v1/enroll", &body).await.ok()["data"]["enrollment_id"].clone();
    app.enroll("Joe", &photo("biden")).await;
    let found = app.get("/v1/enroll?external_id=astronaut-7").await.ok();
    assert_eq!((found["data"].as_array().unwrap().len(), &found["data"][0]["id"]), (1, &id));
    assert_eq!(found["data"][0]["metadata"], body["metadata"]);

    let change = json!({"enrollment_id": id, "name": "E. Collins", "metadata": {"floors": [3]}});
    let changed = app.json(Method::PUT, "/v1/enroll", &change).await.ok();
    assert_eq!(changed["meta"]["embeddings"], 0);
    let probe = json!({"img": base64(&photo("collins")), "collection_id": home});
    let candidate = app.post("/v1/identify", &probe).await.ok()["meta"]["candidates"][0].clone();
    assert_eq!((&candidate["name"], &candidate["external_id"]), (&json!("E. Collins"), &json!("astronaut-7")));
    assert_eq!(candidate["metadata"], change["metadata"]);
}

#[tokio::test]
async fn external_ids_and_metadata_are_removed_by_empty_values_and_not_by_null() {
    let app = TestApp::new().await;
    let facts = json!({"img0": base64(&photo("collins")), "external_id": "astronaut-7", "metadata": {"floor": 3}});
    let id = app.post("/v1/enroll", &facts).await.ok()["data"]["enrollment_id"].clone();
    let change = async |external_id: Value, metadata: Value| {
        let body = json!({"enrollment_id": id, "name": "E", "external_id": external_id, "metadata": metadata});
        app.json(Method::PUT, "/v1/enroll", &body).await.ok();
        let entry = app.get("/v1/enroll").await.ok()["data"][0].clone();
        (entry.get("external_id").cloned(), entry.get("metadata").cloned())
    };
    let (external_id, metadata) = (facts.get("external_id").cloned(), facts.get("metadata").cloned());
    assert_eq!(change(Value::Null, Value::Null).await, (external_id, metadata.clone()));
    assert_eq!(change(json!("  "), Value::Null).await, (None, metadata));
    assert_eq!(change(Value::Null, json!({})).await, (None, None));
    assert_eq!(change(json!("e-8"), json!({"floor": 4})).await, (Some(json!("e-8")), Some(json!({"floor": 4}))));

    let empty = json!({"img0": base64(&photo("biden")), "external_id": "", "metadata": {}});
    app.post("/v1/enroll", &empty).await.ok();
    let entry = app.get("/v1/enroll").await.ok()["data"][1].clone();
    assert_eq!((entry.get("external_id"), entry.get("metadata")), (None, None));
}

#[tokio::test]
async fn probable_duplicates_are_reported() {
    let app = TestApp::new().await;
    let home = app.collection("Home").await;
    let enroll = async |name: &str, collection: Option<&str>| {
        let body = json!({"img0": base64(&photo(name)), "name": name, "collection_id": collection});
        app.post("/v1/enroll", &body).await.ok()
    };
    let first = enroll("obama-portrait", Some(&home)).await;
    assert_eq!(first["meta"]["similar"], json!([]));
    assert_eq!(enroll("biden", Some(&home)).await["meta"]["similar"], json!([]));
    let again = enroll("obama-blue-room", Some(&home)).await;
    let similar = again["meta"]["similar"].as_array().unwrap();
    assert_eq!((similar.len(), keys_of(&similar[0])), (1, vec!["key", "name", "score"]));
    assert_eq!((&similar[0]["key"], &similar[0]["name"]), (&first["data"]["enrollment_id"], &json!("obama-portrait")));
    assert_eq!(
        enroll("obama-blue-room", None).await["meta"]["similar"],
        json!([]),
        "who joins no collection is no duplicate"
    );
}

/// Enrolls somebody into a collection with a member, and gives `meta` of the answer.
async fn enrolled_beside_a_member(app: &TestApp) -> Value {
    let home = app.collection("Home").await;
    app.join(&app.enroll("Joe", &photo("biden")).await, &home).await;
    let body = json!({"img0": base64(&photo("obama-portrait")), "collection_id": home});
    let enrolled = app.post("/v1/enroll", &body).await.ok();
    let people = app.get(&format!("/v1/enroll?collection_id={home}")).await.ok();
    assert_eq!(people["data"][1]["id"], enrolled["data"]["enrollment_id"], "the person is stored");
    enrolled["meta"].clone()
}

#[tokio::test]
async fn people_are_enrolled_into_a_collection_that_is_too_large_to_search() {
    let app = TestApp::with(|config| {
        config.vectors.vectors = VectorEngine::Memory;
        config.matching.cached_embeddings = 0;
    })
    .await;
    let meta = enrolled_beside_a_member(&app).await;
    assert_eq!((&meta["similar"], &meta["similar_reason"]), (&json!(null), &json!("collection_too_large")));
}

#[tokio::test]
async fn people_are_enrolled_while_the_vector_engine_is_away_or_hangs() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = "milvus://127.0.0.1:1".to_owned();
    let hangs = format!("milvus://{}", silent.local_addr().unwrap());
    for (address, reason) in [(away, "unavailable"), (hangs, "timeout")] {
        let app = TestApp::with(|config| {
            if config.data.database_url.is_some() {
                config.vectors.vectors = address.parse().unwrap();
                config.matching.duplicate_timeout = Duration::from_secs(1);
            }
        })
        .await;
        if !app.app.db.is_postgres() {
            return;
        }
        let meta = enrolled_beside_a_member(&app).await;
        assert_eq!((&meta["similar"], &meta["similar_reason"]), (&json!(null), &json!(reason)));
    }
}

#[tokio::test]
async fn one_embedding_can_be_deleted_with_its_image_but_not_the_last() {
    let app = TestApp::with(|config| config.images.keep_images = true).await;
    let body = json!({"img0": base64(&photo("obama-portrait")), "img1": base64(&photo("biden")), "name": "Two"});
    let id = app.post("/v1/enroll", &body).await.ok()["data"]["enrollment_id"].as_str().unwrap().to_owned();
    let embeddings = async || app.get(&format!("/v1/enroll?id={id}")).await.ok()["data"][0]["embeddings"].clone();
    let both = embeddings().await;
    let matches = async || {
        let probe = json!({"id": id, "img": base64(&photo("biden"))});
        app.post("/v1/match", &probe).await.ok()["data"].clone()
    };
    assert_eq!((&matches().await["emb0_match"], &matches().await["emb1_match"]), (&json!(false), &json!(true)));
    let delete = async |embedding: &Value| {
        let body = json!({"enrollment_id": id, "embedding_id": embedding});
        app.json(Method::DELETE, "/v1/enroll/embedding", &body).await
    };
    delete(&both[0]).await.ok();
    assert_eq!(embeddings().await, json!([both[1]]));
    assert_eq!(keys_of(&matches().await), ["emb0_match", "emb0_score"]);
    assert_eq!(kept_images(&app).len(), 1, "the image is gone");
    delete(&both[0]).await.problem(410, "deleted");
    let message = delete(&both[1]).await.problem(400, "last_embedding");
    assert!(message.contains("last embedding"), "{message}");
}

#[tokio::test]
async fn what_is_deleted_or_leaves_is_gone_from_the_files_of_galleries_too() {
    let app = TestApp::with(|config| config.vectors.vectors = VectorEngine::Memory).await;
    let home = app.collection("Home").await;
    let body =
        json!({"img0": base64(&photo("obama-portrait")), "img1": base64(&photo("biden")), "collection_id": home});
    let id = app.post("/v1/enroll", &body).await.ok()["data"]["enrollment_id"].as_str().unwrap().to_owned();
    let listed = app.get(&format!("/v1/enroll?id={id}")).await.ok();
    let embedding = json!({"enrollment_id": id, "embedding_id": listed["data"][0]["embeddings"][0]});
    let member = json!({"enrollment_id": id, "collection_id": home});
    let galleries = app.dir.path().join("galleries");
    let file = galleries.join(format!("{home}.gallery"));
    std::fs::create_dir(&galleries).unwrap();
    for (path, body) in
        [("/v1/enroll/embedding", &embedding), ("/v1/collection/member", &member), ("/v1/enroll", &member)]
    {
        app.join(&id, &home).await;
        std::fs::write(&file, "faces").unwrap();
        app.json(Method::DELETE, path, body).await.ok();
        assert!(!file.exists(), "{path}");
    }
}
