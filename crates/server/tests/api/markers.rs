//! What clients send is neither in error messages nor in the log: it may be a picture, a name or a key.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread::JoinHandle;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::app::{base64, client};
use crate::database::Database;
use crate::operations::{Operation, operations};
use crate::pictures::side_by_side;
use crate::start::{Server, vultus};

/// A word and a number that are nowhere else.
const WORD: &str = "zq7Marker4xW";
const NUMBER: u64 = 73_104_829_561;

/// Values of all types that hold a marker, right ones and wrong ones.
fn values() -> Vec<Value> {
    let mut deep = json!(WORD);
    (0..40).for_each(|_| deep = json!([deep]));
    vec![
        json!(WORD),
        json!(format!("{WORD}\u{0}")),
        json!(WORD.repeat(60)),
        json!(base64(WORD.as_bytes())),
        json!(json!({WORD: WORD}).to_string()),
        json!(NUMBER),
        json!(NUMBER.to_string()),
        json!([WORD]),
        json!({WORD: WORD}),
        json!({WORD: WORD.repeat(400)}),
        deep,
    ]
}

/// Bodies that hold a marker and are not what any endpoint takes.
fn bodies() -> Vec<String> {
    let object = json!({"name": WORD, "img": WORD, "img0": WORD}).to_string();
    vec![
        WORD.to_owned(),
        format!("{{\"name\": \"{WORD}"),
        format!("{{\"{WORD}\" {NUMBER}}}"),
        format!("{{\"{WORD}\": {{\"{WORD}\": [{NUMBER}]}}}}"),
        json!(object).to_string(),
        json!([WORD, NUMBER]).to_string(),
        format!("--{WORD}\r\nContent-Disposition: form-data; name=\"{WORD}\"; filename=\"{WORD}.jpg\"\r\n\r\n{WORD}"),
    ]
}

#[track_caller]
fn assert_unmarked(text: &str, what: &str) {
    for marker in [WORD, &base64(WORD.as_bytes()), &NUMBER.to_string()] {
        let found = text.lines().find(|line| line.to_lowercase().contains(&marker.to_lowercase()));
        assert_eq!(found, None, "{what}");
    }
}

/// A server of its own whose log is kept.
struct Logged {
    server: Server,
    address: String,
    key: String,
    client: reqwest::Client,
    log: JoinHandle<String>,
    _dir: tempfile::TempDir,
    _database: Option<Database>,
}

impl Logged {
    async fn start() -> Self {
        let (dir, database) = (tempfile::tempdir().unwrap(), Database::create().await);
        let command = |arguments: &[&str]| {
            let mut command = vultus(dir.path(), arguments);
            command.envs(database.as_ref().map(|database| ("VULTUS_DATABASE_URL", database.url())));
            command
        };
        let made = ["keys", "create", "--account", "default", "--name", "markers", "--test", "--json"];
        let made: Value = serde_json::from_slice(&command(&made).output().unwrap().stdout).unwrap();
        let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--log", "debug"]);
        let mut server = Server(serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("listening")).unwrap();
        let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let log = std::thread::spawn(move || lines.collect::<Vec<_>>().join("\n"));
        crate::start::until_ready(&address).await;
        Self {
            server,
            address,
            key: made["key"].as_str().unwrap().to_owned(),
            client: client(),
            log,
            _dir: dir,
            _database: database,
        }
    }

    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.bare(method.clone(), path).header("x-api-key", &self.key)
    }

    async fn ok(&self, path: &str, body: Value) -> Value {
        let made: Value =
            self.request(&Method::POST, path).body(body.to_string()).send().await.unwrap().json().await.unwrap();
        assert_eq!(made["success"], true, "{made}");
        made["data"].clone()
    }
}

/// Checks an answer that is no success.
async fn check(answer: Response, what: &str) {
    assert!(answer.status().as_u16() < 500, "{what}: {}", answer.status());
    let (status, headers) = (answer.status(), format!("{:?}", answer.headers()));
    assert_unmarked(&headers, what);
    let body = answer.text().await.unwrap();
    if status != 200 || body.contains("\"success\":false,\"message\"") {
        assert_unmarked(&body, what);
    }
}

#[tokio::test]
async fn no_error_and_no_line_of_the_log_repeats_what_was_sent() {
    let server = Logged::start().await;
    let picture = base64(&side_by_side(&[("collins", 0.4)]));
    let home = server.ok("/v1/collection", json!({"name": "Home"})).await["collection_id"].clone();
    let person = json!({"img0": picture, "name": "Eileen", "collection_id": home});
    let person = server.ok("/v1/enroll", person).await["enrollment_id"].clone();
    let valid = json!({
        "img": picture, "img0": picture, "name": "Eileen", "id": person, "enrollment_id": person, "collection_id": home,
    });
    let mut tried = 0;
    for operation in operations() {
        tried += parameters(&server, &operation, &valid).await;
        for body in bodies() {
            let request = server.request(&operation.method, &operation.path).body(body.clone());
            check(request.send().await.unwrap(), &format!("{} {body}", operation.id)).await;
        }
    }
    assert!(tried > 800, "{tried}");
    elsewhere(&server).await;

    let Logged { server, log, _database, .. } = server;
    server.terminate();
    let log = log.join().unwrap();
    assert!(log.lines().filter(|line| line.contains("route=\"/v1/enroll\"")).count() > 100, "{log}");
    assert_unmarked(&log, "the log");
}

/// Sends the markers in each parameter of an operation, among valid ones, in the body and in the query string.
async fn parameters(server: &Logged, operation: &Operation, valid: &Value) -> usize {
    let Operation { id, method, path, query, body, .. } = operation;
    let names: Vec<&str> = query.iter().chain(body).map(|(name, _)| name.as_str()).collect();
    let mut tried = 0;
    for name in &names {
        for value in values() {
            let what = format!("{id} {name}={value}");
            let mut sent = valid.clone();
            sent.as_object_mut().unwrap().retain(|known, _| names.contains(&known.as_str()));
            sent[*name] = value.clone();
            check(server.request(method, path).body(sent.to_string()).send().await.unwrap(), &what).await;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let query: String = form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish();
            check(server.request(method, &format!("{path}?{query}")).send().await.unwrap(), &what).await;
            tried += 2;
        }
    }
    tried
}

/// Sends the markers where no parameter is.
async fn elsewhere(server: &Logged) {
    for path in [format!("/{WORD}"), format!("/v1/enroll/{WORD}"), format!("/v1/enroll?{WORD}={NUMBER}")] {
        check(server.request(&Method::GET, &path).send().await.unwrap(), &path).await;
    }
    let list = || server.request(&Method::GET, "/v1/enroll");
    for name in ["accept", "content-type", "content-encoding", "x-sandbox-status", "cookie", "user-agent", "referer"] {
        check(list().header(name, WORD).send().await.unwrap(), name).await;
    }
    let stranger = server.bare(Method::GET, "/v1/enroll").header("x-api-key", WORD);
    check(stranger.send().await.unwrap(), "x-api-key").await;
    let method = Method::from_bytes(WORD.as_bytes()).unwrap();
    check(server.request(&method, "/v1/enroll").send().await.unwrap(), "method").await;
}
