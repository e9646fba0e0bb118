//! Lists of any length.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use vultus::app::new_id;
use vultus::clock::now_us;
use vultus_store::enrollments::{self, Facts, NewEnrollment};
use vultus_store::{Id, Kind};

use crate::app::TestApp;

/// More than what counts as short, and together more than what sockets buffer.
const PEOPLE: usize = 5_000;

/// Stores people in a collection, whose id it gives; each with a few kilobytes of metadata.
async fn crowd(app: &TestApp) -> String {
    let home = app.collection("Home").await;
    let account = app.get("/v1/collection").await.ok()["data"][0]["owner"].as_str().unwrap().parse::<Id>().unwrap();
    let mut tx = app.app.db.write(account).await.unwrap();
    for number in 0..PEOPLE {
        let metadata = json!({"note": "x".repeat(4_000), "quote": "\"enrollments\":[]"}).to_string();
        let new = NewEnrollment {
            id: new_id(Kind::Enrollment).unwrap(),
            facts: Facts { name: format!("Person \"{number}\""), metadata: Some(metadata), ..Facts::default() },
            collection_id: Some(home.parse().unwrap()),
            embeddings: Vec::new(),
        };
        enrollments::insert(&mut tx, account, &new, now_us()).await.unwrap();
    }
    tx.commit().await.unwrap();
    home
}

fn ids(list: &Value) -> Vec<&Value> {
    list["data"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect()
}

#[tokio::test]
async fn a_long_list_is_whole_and_the_same_as_its_pages() {
    let app = TestApp::new().await;
    let home = crowd(&app).await;
    let all = app.get("/v1/enroll").await.ok();
    assert_eq!((all["success"].clone(), all["message"].clone(), all.get("meta")), (json!(true), json!(null), None));
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v1/enroll?limit=1000&cursor={cursor}")).await.ok();
        paged.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["meta"]["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(all["data"].as_array(), Some(&paged));

    app.collection("Empty").await;
    let sets = app.get("/v1/collection").await.ok();
    assert_eq!(sets["data"], app.get("/v1/collection?limit=9").await.ok()["data"]);
    assert_eq!(sets["data"][0]["enrollments"].as_array().unwrap().iter().collect::<Vec<_>>(), ids(&all));
    let members = app.get(&format!("/v1/enroll?collection_id={home}")).await.ok();
    assert_eq!(members["data"], all["data"]);
}

#[tokio::test]
async fn a_long_list_that_is_not_read_in_time_is_cut_and_not_ended() {
    let app = TestApp::with(|config| config.http.list_timeout = Duration::from_secs(2)).await;
    crowd(&app).await;
    let answer = app.request(Method::GET, "/v1/enroll").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(answer.bytes().await.is_err(), "it must not look whole");
    let permits = app.app.config.http.long_lists;
    let back = async {
        while app.app.long_lists.available_permits() < permits {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), back).await.expect("its place is free again");
}

#[tokio::test]
async fn so_many_long_lists_are_sent_at_a_time_and_short_ones_always() {
    let app = TestApp::with(|config| config.http.long_lists = 1).await;
    crowd(&app).await;
    let first = app.request(Method::GET, "/v1/enroll").send().await.unwrap();
    assert_eq!(first.status(), 200);
    let message = app.get("/v1/enroll").await.problem(503, "lists_full");
    assert!(message.contains("limit"), "{message}");
    app.get("/v1/enroll?limit=1000").await.ok();
    app.get("/v1/enroll?name=nobody").await.ok();
    let first: Value = serde_json::from_slice(&first.bytes().await.unwrap()).unwrap();
    assert_eq!(first["data"].as_array().unwrap().len(), PEOPLE);
}
