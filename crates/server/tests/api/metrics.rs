//! `GET /metrics`, on an address of its own.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use reqwest::Client;
use serde_json::json;

use crate::app::{base64, client, workspace};
use crate::pictures::photo;
use crate::start::{Server, until_ready, vultus};

/// The figure of this name and these labels.
#[track_caller]
fn figure(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.rsplit_once(' ').is_some_and(|(found, _)| found == name));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

async fn text(client: &Client, url: String) -> String {
    client.get(url).send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
}

/// The address that follows a word in the log.
fn address(log: &mut impl Iterator<Item = String>, word: &str) -> String {
    let line = log.find(|line| line.contains(word)).unwrap();
    line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn metrics_report_what_the_server_does_and_no_person() {
    let parent = tempfile::tempdir().unwrap();
    let options = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let mut server =
        Server(vultus(parent.path(), &options).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut printed = BufReader::new(server.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let key = printed.find(|line| line.trim().starts_with("vultus_")).unwrap().trim().to_owned();
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let api = address(&mut log, "listening");
    let metrics = address(&mut log, "metrics");
    until_ready(&api).await;
    let log = std::thread::spawn(move || log.collect::<Vec<_>>());

    let client = client();
    let body = json!({"name": "Ivo Tarn", "external_id": "tarn-7", "img0": base64(&photo("collins"))}).to_string();
    let enroll = client.post(format!("http://{api}/v1/enroll")).header("x-api-key", &key).body(body);
    enroll.send().await.unwrap().error_for_status().unwrap();
    assert_eq!(client.get(format!("http://{api}/v1/nothing/tarn-7")).send().await.unwrap().status(), 404);
    assert_eq!(client.get(format!("http://{api}/metrics")).send().await.unwrap().status(), 404, "not for the public");

    let reported = text(&client, format!("http://{metrics}/metrics")).await;
    let requests = r#"vultus_request_duration_seconds_count{method="POST",route="/v1/enroll",status="200"}"#;
    assert!((figure(&reported, requests) - 1.0).abs() < f64::EPSILON);
    let unknown = r#"vultus_request_duration_seconds_count{method="GET",route="-",status="404"}"#;
    assert!((figure(&reported, unknown) - 2.0).abs() < f64::EPSILON);
    for stage in ["decode", "detect", "landmarks", "embed"] {
        let name = format!("vultus_inference_duration_seconds_count{{stage=\"{stage}\"}}");
        assert!(figure(&reported, &name) >= 1.0, "{stage}");
    }
    assert!(figure(&reported, "vultus_received_bytes_total") > photo("collins").len() as f64);
    assert!(figure(&reported, "vultus_connections") >= 1.0);
    assert!((figure(&reported, "vultus_database_up") - 1.0).abs() < f64::EPSILON);
    assert!(!reported.to_lowercase().contains("tarn"), "{reported}");

    // Each figure is explained, and nothing is explained that there is not, but for what comes with jobs and lists.
    let document = std::fs::read_to_string(workspace().join("docs/operations.md")).unwrap();
    for line in reported.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(document.contains(&format!("`{name}`")), "docs/operations.md does not explain {name}");
    }
    assert!(text(&client, format!("http://{metrics}/healthz")).await.contains("ok"));
    server.terminate();
    let line =
        log.join().unwrap().into_iter().find(|line| line.contains("POST") && line.contains("status=200")).unwrap();
    for part in ["id=", "/v1/enroll", "ms=", "received=", "sent=", "account=", "key="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.to_lowercase().contains("tarn") && !line.contains(&key), "{line}");
}
