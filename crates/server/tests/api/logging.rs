//! Requests are answered when nothing can be logged.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{ChildStderr, Stdio};

use serde_json::{Value, json};

use crate::app::{base64, client};
use crate::pictures::photo;
use crate::start::{Server, until_ready, vultus};

/// A server whose log nobody reads: its address, its first key, and its standard error if that is a pipe.
async fn serve(stderr: Stdio) -> (Server, String, String, Option<ChildStderr>, tempfile::TempDir) {
    let parent = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = vultus(parent.path(), &["serve", "--listen", &address, "--log", "debug"]);
    let mut server = Server(command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap());
    let pipe = server.0.stderr.take();
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let key = lines.find(|line| line.trim().starts_with("vultus_")).unwrap().trim().to_owned();
    until_ready(&address).await;
    (server, address, key, pipe, parent)
}

/// Enrolls people, and looks whether each request that was carried out has been answered.
async fn all_are_answered(address: &str, key: &str, people: usize) {
    let (client, url) = (client(), format!("http://{address}/v1/enroll"));
    for number in 0..people {
        let body = json!({"name": format!("Person {number}"), "img0": base64(&photo("collins"))}).to_string();
        let answer = client.post(&url).header("x-api-key", key).body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
    let listed: Value =
        serde_json::from_str(&client.get(&url).header("x-api-key", key).send().await.unwrap().text().await.unwrap())
            .unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), people);
}

#[tokio::test]
async fn requests_are_answered_when_the_disk_of_the_log_is_full() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (_server, address, key, _, _dir) = serve(full.into()).await;
    all_are_answered(&address, &key, 3).await;
}

#[tokio::test]
async fn requests_are_answered_when_the_reader_of_the_log_has_gone() {
    let (_server, address, key, pipe, _dir) = serve(Stdio::piped()).await;
    drop(pipe);
    all_are_answered(&address, &key, 3).await;
}

#[tokio::test]
async fn requests_are_answered_when_the_reader_of_the_log_does_not_read() {
    let (_server, address, key, _pipe, _dir) = serve(Stdio::piped()).await;
    // A pipe holds 64 KiB, and a request writes at least a hundred bytes.
    let client = client();
    for _ in 0..1000 {
        client.get(format!("http://{address}/healthz")).send().await.expect("an answer").error_for_status().unwrap();
    }
    all_are_answered(&address, &key, 1).await;
}
