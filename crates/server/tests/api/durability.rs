//! A server that is killed: what it has acknowledged is there afterwards.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{base64, client, reply};
use crate::database::Database;
use crate::pictures::photo;
use crate::start::{Server, text, until_ready, vultus};

/// Clients that enroll at the same time, and how many people each enrolls at most.
const CLIENTS: usize = 3;
const PEOPLE: usize = 30;
/// The server is killed once so many enrolls are acknowledged.
const ENOUGH: usize = 8;

/// The program on a data directory and a database of its own, and the only key.
struct Node {
    dir: tempfile::TempDir,
    database: Option<Database>,
    key: String,
}

impl Node {
    async fn new() -> Self {
        let (dir, database) = (tempfile::tempdir().unwrap(), Database::create().await);
        let mut node = Self { dir, database, key: String::new() };
        let made = node.command(&["keys", "create", "--account", "a", "--name", "n", "--json"]).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        made["key"].as_str().unwrap().clone_into(&mut node.key);
        node
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = vultus(self.dir.path(), arguments);
        if let Some(database) = &self.database {
            command.env("VULTUS_DATABASE_URL", database.url());
        }
        command
    }

    /// A server that is ready, and its address.
    async fn serve(&self) -> (Server, String) {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut server = Server(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let address = server.address();
        until_ready(&address).await;
        (server, address)
    }

    async fn post(&self, address: &str, path: &str, body: &Value) -> Value {
        let request = client().request(Method::POST, format!("http://{address}{path}"));
        reply(request.header("x-api-key", &self.key).body(body.to_string())).await.ok()
    }
}

/// Enrolls the same person again and again until the server is gone; gives the ids that it has acknowledged.
async fn enroll(address: String, key: String, collection: String, acknowledged: Arc<AtomicUsize>) -> Vec<String> {
    let body = json!({"img0": base64(&photo("biden")), "name": "Joe", "collection_id": collection}).to_string();
    let (client, mut ids) = (client(), Vec::new());
    for _ in 0..PEOPLE {
        let request = client.post(format!("http://{address}/v1/enroll")).header("x-api-key", &key).body(body.clone());
        let Ok(response) = request.send().await else { break };
        assert_eq!(response.status(), 200);
        let Ok(answer) = response.json::<Value>().await else { break };
        ids.push(answer["data"]["enrollment_id"].as_str().unwrap().to_owned());
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_enroll_survives_a_kill_and_is_found() {
    let node = Node::new().await;
    let (mut server, address) = node.serve().await;
    let made = node.post(&address, "/v1/collection", &json!({"name": "Home"})).await;
    let collection = made["data"]["collection_id"].as_str().unwrap().to_owned();
    let count = Arc::new(AtomicUsize::new(0));
    let enrolling = || tokio::spawn(enroll(address.clone(), node.key.clone(), collection.clone(), count.clone()));
    let clients: Vec<_> = (0..CLIENTS).map(|_| enrolling()).collect();
    let started = Instant::now();
    while count.load(Ordering::Relaxed) < ENOUGH {
        assert!(started.elapsed() < Duration::from_mins(1), "too slow");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // SIGKILL, in the middle of the others.
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    let mut acknowledged = Vec::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    assert!((ENOUGH..CLIENTS * PEOPLE).contains(&acknowledged.len()), "{} enrolled", acknowledged.len());

    let (_server, address) = node.serve().await;
    let request = client().get(format!("http://{address}/v1/enroll?collection_id={collection}"));
    let listed = reply(request.header("x-api-key", &node.key)).await.ok();
    let listed = listed["data"].as_array().unwrap();
    assert!(listed.iter().all(|one| one["embeddings"].as_array().unwrap().len() == 1), "nobody is there by half");
    let probe = json!({"img": base64(&photo("biden")), "collection_id": collection, "limit": CLIENTS * PEOPLE});
    let found = node.post(&address, "/v1/identify", &probe).await;
    let found: Vec<&str> =
        found["meta"]["candidates"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    for id in &acknowledged {
        assert!(listed.iter().any(|one| one["id"] == json!(id)), "{id} is not there");
        assert!(found.contains(&id.as_str()), "{id} is not found");
    }
    assert_eq!(found.len(), listed.len(), "who is there is found, and nobody else");
}
