//! The committed description of the API is that of the routes.

use reqwest::Method;
use serde_json::Value;

use crate::app::{TestApp, reply, workspace};

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];

#[test]
fn the_committed_document_is_current() {
    let path = workspace().join("openapi.json");
    let current = vultus::http::openapi().to_pretty_json().unwrap() + "\n";
    if std::fs::read_to_string(&path).unwrap_or_default() != current {
        std::fs::write(&path, current).unwrap();
        panic!("openapi.json was not current and has been written: commit it");
    }
}

#[tokio::test]
async fn every_documented_operation_is_served_and_no_other() {
    let app = TestApp::new().await;
    let document = app.bare(Method::GET, "/openapi.json").send().await.unwrap().json::<Value>().await.unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 9);
    for (path, item) in paths {
        for path in [path.as_str(), path.strip_prefix("/v1").unwrap_or(path)] {
            for method in METHODS {
                let answer = reply(app.bare(method.clone(), path)).await;
                if let Some(operation) = item.get(method.as_str().to_lowercase()) {
                    let open = operation.get("security").is_none();
                    assert_eq!(answer.status, if open { 200 } else { 401 }, "{method} {path}");
                    assert!(operation["responses"]["200"]["content"]["application/json"]["schema"].is_object());
                } else {
                    answer.problem(405, "wrong_method");
                }
            }
        }
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(vultus::http::openapi()).unwrap();
    let mut open = vec![&document];
    let mut count = 0;
    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
            count += 1;
        }
        match value {
            Value::Object(map) => open.extend(map.values()),
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    assert!(count > 20, "{count}");
}
