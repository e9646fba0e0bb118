//! Every documented answer as it is on the wire, so that a change of a shape shows in a diff. The files are in `snapshots/`, one
//! for each resource; `problems.rs` adds one for all errors. What differs from run to run is redacted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use vultus::auth::principal::Answers;
use vultus_store::Id;

use crate::app::{TestApp, base64};
use crate::operations;
use crate::pictures::{nobody, photo};

/// The answers of one server, by resource.
struct Transcript {
    app: TestApp,
    texts: BTreeMap<String, String>,
    /// The operations that have answered.
    seen: BTreeSet<String>,
}

impl Transcript {
    /// Sends a request, and notes its answer under a title.
    async fn call(&mut self, method: Method, path: &str, title: &str, body: &Value) -> Value {
        let reply = self.app.json(method.clone(), path, body).await;
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.json);
        let (operation, _) = path.split_once('?').unwrap_or((path, ""));
        self.seen.insert(format!("{method} {operation}"));
        let resource = operation.strip_prefix("/v1/").map_or("service", |rest| rest.split('/').next().unwrap());
        let shown = serde_json::to_string_pretty(&redacted(&reply.json)).unwrap();
        let title = if title.is_empty() { String::new() } else { format!(": {title}") };
        let text = self.texts.entry(resource.to_owned()).or_default();
        write!(text, "# {method} {operation}{title}\n{shown}\n\n").unwrap();
        reply.json
    }

    async fn post(&mut self, path: &str, title: &str, body: &Value) -> Value {
        self.call(Method::POST, path, title, body).await
    }

    async fn get(&mut self, path: &str, title: &str) -> Value {
        self.call(Method::GET, path, title, &json!({})).await
    }
}

/// What is the same in every run: ids are replaced by their kinds, and numbers that depend on the processor by a word.
/// Arrays of like items are shown as one item and how many there are.
pub fn redacted(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!("[number]"),
        Value::String(text) => json!(redacted_text(text)),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), redacted_member(name, value))).collect()
        }
        Value::Array(items) if items.len() > 1 && items.iter().all(Value::is_number) => {
            json!(format!("[{} numbers]", items.len()))
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().map(redacted).collect();
            match items.as_slice() {
                [Value::String(first), .., _] if items.iter().all(|item| item == first) => {
                    json!(format!("[{} times] {first}", items.len()))
                }
                _ => items.into(),
            }
        }
        other => other.clone(),
    }
}

fn redacted_member(name: &str, value: &Value) -> Value {
    match name {
        "request_id" => json!("[request id]"),
        "version" => json!("[version]"),
        "created" | "updated" if value.as_str().is_some_and(is_time) => json!("[time]"),
        _ => redacted(value),
    }
}

/// A text in which the ids are replaced by their kinds.
fn redacted_text(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = text.split_inclusive(|c| !is_part(c)).map(|word| {
        let (id, end) = word.split_at(word.trim_end_matches(|c| !is_part(c)).len());
        id.parse::<Id>().map_or_else(|_| word.to_owned(), |id| format!("[{} id]{end}", id.kind()))
    });
    words.collect()
}

/// Whether a text has the documented form of times, such as `2017-08-19T00:13:24.971650`.
fn is_time(text: &str) -> bool {
    let form = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
    form.eq("0000-00-00T00:00:00.000000".chars())
}

/// Compares with a file in `snapshots/`.
pub fn check(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[tokio::test]
async fn every_answer_is_as_before() {
    let app = TestApp::with_worker(|_| {}).await;
    let mut shown = Transcript { app, texts: BTreeMap::new(), seen: BTreeSet::new() };
    pictures(&mut shown).await;
    let (home, barack) = people(&mut shown).await;
    recognition(&mut shown, &home, &barack).await;
    removal(&mut shown, &home, &barack).await;
    for path in ["/healthz", "/readyz", "/version"] {
        shown.get(path, "").await;
    }
    for operation in operations::all() {
        let operation = format!("{} {}", operation.method, operation.path);
        assert!(shown.seen.contains(&operation), "{operation} has no snapshot");
    }
    for (resource, text) in &shown.texts {
        check(resource, text);
    }
}

async fn pictures(shown: &mut Transcript) {
    let (face, empty) = (json!({"img": base64(&photo("collins"))}), json!({"img": base64(&nobody())}));
    shown.post("/v1/facedetect", "one face", &face).await;
    shown.post("/v1/facedetect?rawlandmarks=true", "one face with its landmarks", &face).await;
    shown.post("/v1/facedetect", "no face", &empty).await;
    shown.post("/v1/spdetect", "one face", &face).await;
    shown.post("/v1/spdetect", "no face", &empty).await;
}

/// Makes a collection with a person; gives the ids.
async fn people(shown: &mut Transcript) -> (Value, Value) {
    let made =
        shown.post("/v1/collection", "made", &json!({"name": "Home", "unknowns": true, "legacy_id": "old-home"})).await;
    let home = made["data"]["collection_id"].clone();
    let person = json!({
        "img0": base64(&photo("obama-portrait")), "name": "Barack", "external_id": "44", "metadata": {"floor": 2},
        "collection_id": home, "legacy_id": "old-44",
    });
    let barack = shown.post("/v1/enroll", "a person", &person).await["data"]["enrollment_id"].clone();
    let (again, empty) = (base64(&photo("obama-blue-room")), base64(&nobody()));
    let twice = json!({"img0": again, "img1": empty, "name": "B.", "collection_id": home});
    shown.post("/v1/enroll", "a person who may be there already, and a picture without a face", &twice).await;
    shown.post("/v1/enroll", "no face", &json!({"img0": empty})).await;
    let more = json!({"enrollment_id": barack, "img0": again});
    shown.call(Method::PUT, "/v1/enroll", "a further picture", &more).await;
    shown.call(Method::PUT, "/v1/enroll", "another name", &json!({"enrollment_id": barack, "name": "Mr Obama"})).await;
    let nameless = json!({"img0": base64(&photo("collins"))});
    let nameless =
        shown.post("/v1/enroll", "a person without a name", &nameless).await["data"]["enrollment_id"].clone();
    shown.get("/v1/enroll", "all").await;
    shown.get("/v1/enroll?limit=1", "a page").await;
    let both = json!({"enrollment_id": nameless, "collection_id": home});
    shown.call(Method::PUT, "/v1/collection", "a person joins", &both).await;
    shown.get("/v1/collection", "all").await;
    shown.get("/v1/collection?limit=1", "a page").await;
    shown.post("/v1/train", "begun", &json!({"collection_id": home})).await;
    shown.app.jobs_done().await;
    (home, barack)
}

async fn recognition(shown: &mut Transcript, home: &Value, barack: &Value) {
    let probe =
        |file: &[u8]| json!({"img": base64(file), "id": barack, "collection_id": home, "enrollment_id": barack});
    shown.post("/v1/match", "two embeddings", &probe(&photo("obama-portrait"))).await;
    shown.post("/v1/match", "no face", &probe(&nobody())).await;
    shown.post("/v1/identify", "a member", &probe(&photo("obama-portrait"))).await;
    shown.post("/v1/identify", "a stranger", &probe(&photo("biden"))).await;
    let mut rare = probe(&photo("obama-portrait"));
    rare["fmr"] = json!(1e-4);
    rare["limit"] = json!(1);
    shown.post("/v1/identify", "at a rate of false matches", &rare).await;
    shown.post("/v1/identify", "no face", &probe(&nobody())).await;
    let arrays = shown.app.key_for(Answers::Arrays).await;
    let usual = std::mem::replace(&mut shown.app.key, arrays);
    shown.post("/v1/match", "for a key with lists", &probe(&photo("obama-portrait"))).await;
    shown.post("/v1/identify", "for a key with lists", &probe(&photo("obama-portrait"))).await;
    shown.app.key = usual;
    shown.post("/v1/feedback", "kept", &probe(&photo("collins"))).await;
    shown.post("/v1/feedback", "no face", &probe(&nobody())).await;
}

async fn removal(shown: &mut Transcript, home: &Value, barack: &Value) {
    let listed = shown.app.json(Method::GET, "/v1/enroll", &json!({"id": barack})).await.ok();
    let mut ids = json!({"enrollment_id": barack, "collection_id": home});
    ids["embedding_id"] = listed["data"][0]["embeddings"][0].clone();
    for path in ["/v1/enroll/embedding", "/v1/collection/member", "/v1/enroll", "/v1/collection"] {
        shown.call(Method::DELETE, path, "gone", &ids).await;
    }
}
