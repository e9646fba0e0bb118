//! What holds for all paths: unknown ones, methods, formats, headers, limits.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::app::{TestApp, base64, client, reply};
use crate::pictures::photo;
use crate::start::{Server, until_ready};

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_reported_in_the_envelope() {
    let app = TestApp::new().await;
    for path in ["/", "/v1", "/v1/nothing", "/v2/enroll", "/v1/enroll/x", "/v1/v1/enroll"] {
        app.get(path).await.problem(404, "unknown_path");
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/facedetect", "POST"),
        (Method::DELETE, "/match", "POST"),
        (Method::PATCH, "/v1/enroll", "GET,HEAD,POST,PUT,DELETE"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let refused = reply(app.bare(method, path)).await;
        let mut allowed: Vec<&str> = refused.headers["allow"].to_str().unwrap().split(',').collect();
        let mut expected: Vec<&str> = allow.split(',').collect();
        allowed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(allowed, expected, "{path}");
        refused.problem(405, "wrong_method");
    }
}

#[tokio::test]
async fn an_accept_header_without_json_is_refused() {
    let app = TestApp::new().await;
    let asking = |accept: &str| reply(app.request(Method::GET, "/v1/enroll").header("accept", accept));
    asking("text/html").await.problem(406, "not_acceptable");
    asking("text/html, */*;q=0.1").await.ok();
    asking("application/json").await.ok();
    asking("application/json;q=0, */*").await.problem(406, "not_acceptable");
}

#[tokio::test]
async fn requests_have_an_id_and_answers_have_the_headers_of_an_api() {
    let app = TestApp::new().await;
    let answer = reply(app.request(Method::GET, "/v1/enroll").header("x-request-id", "client-7")).await;
    assert_eq!(answer.headers["x-request-id"], "client-7");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["content-type"], "application/json");
    let odd = reply(app.bare(Method::GET, "/v1/enroll").header("x-request-id", "a b\"")).await;
    assert_ne!(odd.headers["x-request-id"], "a b\"");
    odd.problem(401, "key_missing");
}

#[tokio::test]
async fn browsers_may_call_from_any_page() {
    let app = TestApp::new().await;
    let preflight = app
        .bare(Method::OPTIONS, "/v1/enroll")
        .header("origin", "https://example.org")
        .header("access-control-request-method", "DELETE")
        .header("access-control-request-headers", "x-api-key,cache-control,postman-token,x-anything");
    let response = preflight.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    for method in ["GET", "POST", "PUT", "DELETE"] {
        assert!(response.headers()["access-control-allow-methods"].to_str().unwrap().contains(method));
    }
    for header in ["x-api-key", "cache-control", "postman-token", "x-anything"] {
        assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains(header));
    }
    let refused = reply(app.bare(Method::GET, "/v1/enroll").header("origin", "https://example.org")).await;
    assert_eq!(refused.headers["access-control-allow-origin"], "*", "pages can read errors");
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let app = TestApp::with(|config| config.http.max_body_bytes = 100_000).await;
    let large = vec![b' '; 100_001];
    let message = app.post_bytes("/v1/facedetect", large.clone()).await.problem(400, "body_too_large");
    assert!(message.contains("100000"), "{message}");
    let chunked = reqwest::Body::wrap(http_body_util::StreamBody::new(chunks(&large)));
    let request = app.request(Method::POST, "/v1/facedetect").body(chunked);
    reply(request).await.problem(400, "body_too_large");
    app.post_bytes("/v1/facedetect", photo("collins")).await.ok();
}

#[tokio::test]
async fn bodies_of_reads_and_deletions_are_short() {
    let app = TestApp::new().await;
    let padded = |bytes: usize| format!("{{\"name\": \"Nobody\"{}}}", " ".repeat(bytes));
    for method in [Method::GET, Method::DELETE] {
        let refused = reply(app.request(method, "/v1/enroll").body(padded(70_000))).await;
        assert!(refused.problem(400, "body_too_large").contains("65536"));
    }
    reply(app.request(Method::GET, "/v1/enroll").body(padded(60_000))).await.ok();
    let app = TestApp::with(|config| config.http.max_query_body_bytes = 100_000).await;
    reply(app.request(Method::GET, "/v1/enroll").body(padded(70_000))).await.ok();
}

#[tokio::test]
async fn a_body_of_many_parameters_is_refused_before_anything_is_made_of_it() {
    let app = TestApp::new().await;
    let members = format!("{{{}}}", vec!["\"aaaaa\":0"; 1_000_000].join(","));
    app.post_bytes("/v1/enroll", members.into_bytes()).await.problem(400, "too_many_parameters");
}

#[tokio::test]
async fn forms_with_files_are_refused_with_what_to_send() {
    let app = TestApp::new().await;
    let mut form = b"--5f\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".to_vec();
    form.extend(photo("collins"));
    for path in ["/v1/facedetect", "/v1/enroll"] {
        assert!(app.post_bytes(path, form.clone()).await.problem(400, "multipart").contains("base64"));
    }
}

/// A body of unknown length.
fn chunks(
    bytes: &[u8],
) -> impl futures_util::Stream<Item = Result<hyper::body::Frame<bytes::Bytes>, std::io::Error>> + use<> {
    let frames: Vec<_> = bytes.chunks(4096).map(|chunk| Ok(hyper::body::Frame::data(chunk.to_vec().into()))).collect();
    futures_util::stream::iter(frames)
}

#[tokio::test]
async fn ten_images_of_ten_megabytes_fit_by_default() {
    let app = TestApp::new().await;
    let mut large = photo("collins");
    large.resize(10_000_000, 0);
    let large = base64(&large);
    let mut body = json!({"name": "Large"});
    for i in 0..10 {
        body[format!("img{i}")] = json!(large);
    }
    assert_eq!(app.post("/v1/enroll", &body).await.ok()["meta"]["embeddings"], 10);
}

#[tokio::test]
async fn images_over_the_limit_are_reported_with_the_limit() {
    let app = TestApp::with_own_engine(|config| config.images.max_image_bytes = 10_000).await;
    assert!(app.post_bytes("/v1/facedetect", photo("collins")).await.problem(400, "bad_image").contains("10000"));
}

#[tokio::test]
async fn the_service_endpoints_need_no_key() {
    let app = TestApp::new().await;
    assert_eq!(reply(app.bare(Method::GET, "/healthz")).await.ok()["data"]["status"], "ok");
    app.app.engines.loaded().await.unwrap();
    assert_eq!(reply(app.bare(Method::GET, "/readyz")).await.ok()["data"]["status"], "ready");
    let version = reply(app.bare(Method::GET, "/version")).await.ok();
    assert_eq!(version["data"], json!({"name": "vultus", "version": env!("CARGO_PKG_VERSION")}));
    app.app.db.close().await;
    reply(app.bare(Method::GET, "/readyz")).await.problem(503, "database_unavailable");
    reply(app.bare(Method::GET, "/healthz")).await.ok();
}

#[tokio::test]
async fn the_reference_page_asks_nobody_else() {
    let app = TestApp::new().await;
    let page = app.bare(Method::GET, "/docs").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("/docs/scalar.js") && !text.contains("https://"), "{text}");
    let script = app.bare(Method::GET, "/docs/scalar.js").send().await.unwrap();
    assert!(script.status() == 200 && script.text().await.unwrap().len() > 100_000);
}

/// Processor time that a process has used, in hundredths of a second.
fn processor_time(process: u32) -> u64 {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).unwrap();
    // After the name, which is in parentheses: user and system time are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn static_files_are_compressed_once_and_not_for_each_request() {
    let parent = tempfile::tempdir().unwrap();
    let mut server = Server::start(parent.path(), "127.0.0.1:0");
    let address = server.address();
    until_ready(&address).await;
    let get = async |path: &str, coding: &'static str| {
        let request = client().get(format!("http://{address}{path}")).header("accept-encoding", coding);
        let response = request.send().await.unwrap().error_for_status().unwrap();
        let compressed = response.headers().get("content-encoding").is_some_and(|coding| coding == "gzip");
        (compressed, response.headers()["etag"].clone(), response.bytes().await.unwrap())
    };
    for path in ["/docs/scalar.js", "/docs/start.js", "/docs", "/openapi.json"] {
        let first = get(path, "gzip, deflate, br, zstd").await;
        assert!(first.0, "{path}");
        assert_eq!(first, get(path, "gzip, deflate, br, zstd").await, "{path}");
        let known = client().get(format!("http://{address}{path}")).header("accept-encoding", "gzip");
        assert_eq!(known.header("if-none-match", &first.1).send().await.unwrap().status(), 304, "{path}");
    }
    let cost = async |coding: &'static str| {
        let before = processor_time(server.0.id());
        for _ in 0..20 {
            get("/docs/scalar.js", coding).await;
        }
        processor_time(server.0.id()) - before
    };
    let (plain, compressed) = (cost("identity").await, cost("gzip, br").await);
    assert!(compressed <= 2 * plain + 10, "{compressed} is not about {plain}");
}
