//! Slow clients, uploads without room, and stopping.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app::{TestApp, reply};
use crate::pictures::photo;

/// Sends the beginning of an upload; the rest never comes.
pub async fn begin_upload(app: &TestApp, announced: usize, sent: &[u8]) -> TcpStream {
    begin_request(app, "POST /v1/facedetect", announced, sent).await
}

/// Sends a request whose body may end early.
pub async fn begin_request(app: &TestApp, line: &str, announced: usize, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let key = &app.key;
    let head = format!("{line} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {announced}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the server hangs up").unwrap();
    text
}

#[tokio::test]
async fn a_client_that_stops_sending_is_reported_and_dropped() {
    let app = TestApp::with(|config| config.http.body_idle_timeout = Duration::from_millis(200)).await;
    let text = answer(begin_upload(&app, 1000, b"12345").await).await;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("body_too_slow"), "{text}");
}

#[tokio::test]
async fn a_client_that_trickles_is_reported_and_dropped() {
    let app = TestApp::with(|config| config.http.body_timeout = Duration::from_millis(500)).await;
    let stream = begin_upload(&app, 1_000_000, b"1").await;
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"1").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut text = vec![0; 4096];
    let count = tokio::time::timeout(Duration::from_secs(10), reader.read(&mut text)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&text[..count]);
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("body_too_slow"), "{text}");
    trickle.abort();
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_dropped() {
    let app = TestApp::with(|config| config.http.header_timeout = Duration::from_millis(200)).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"POST /v1/facedetect HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    answer(stream).await;
}

#[tokio::test]
async fn a_picture_that_is_too_long_is_refused_before_it_is_sent() {
    let app = TestApp::with(|config| config.images.max_image_bytes = 100_000).await;
    // The client waits to be asked for its body.
    let line = "POST /v1/facedetect HTTP/1.1\r\nexpect: 100-continue";
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!("{line}\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 100001\r\n\r\n\u{fb}", app.key);
    stream.write_all(head.as_bytes()).await.unwrap();
    let text = answer(stream).await;
    assert!(
        text.contains("HTTP/1.1 400 ") && text.contains("the image has 100001 bytes, the limit is 100000"),
        "{text}"
    );
}

#[tokio::test]
async fn uploads_beyond_the_memory_for_bodies_are_refused_until_there_is_room() {
    let app = TestApp::with(|config| {
        config.http.max_body_bytes = 200_000;
        config.http.body_memory_bytes = 200_000;
    })
    .await;
    let started = Instant::now();
    // It may be JSON with a picture in base64, which is there twice while it is decoded.
    let holding = begin_upload(&app, 190_000, b"{").await;
    while app.app.uploads.held() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "the upload in progress holds its memory");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.post_bytes("/v1/facedetect", photo("collins")).await.problem(503, "uploads_full");
    drop(holding);
    while app.post_bytes("/v1/facedetect", photo("collins")).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "the memory comes back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let mut app = TestApp::with(|config| config.http.request_timeout = Duration::from_millis(300)).await;
    let text = answer(begin_upload(&app, 1000, b"12345").await).await;
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("\"timeout\""), "{text}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn stopping_finishes_running_requests_and_refuses_new_ones() {
    let mut app = TestApp::with_own_engine(|_| {}).await;
    let address = app.address;
    let release = super::load::occupy(&app).await;
    let running = tokio::spawn(reply(app.request(Method::POST, "/v1/facedetect").body(photo("collins"))));
    super::load::until_waiting(&app, 1).await;
    let stopped = app.stop();
    until_refused(address).await;
    drop(release);
    running.await.unwrap().ok();
    stopped.await.unwrap();
}

async fn until_refused(address: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "the server still listens");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Opens a connection and asks for the longest answer that needs no key.
async fn ask_for_much(app: &TestApp) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(b"GET /docs/scalar.js HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    stream
}

/// Waits until an ordinary place is free again.
async fn until_free(app: &TestApp) {
    let started = Instant::now();
    while app.bare(Method::GET, "/version").header("connection", "close").send().await.unwrap().status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "the connections stay");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn clients_that_never_read_are_dropped_and_monitors_are_answered_meanwhile() {
    let app = TestApp::with(|config| {
        config.http.max_connections = 8;
        config.http.write_timeout = Duration::from_secs(1);
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(ask_for_much(&app).await);
    }
    reply(app.bare(Method::GET, "/healthz")).await.ok();
    reply(app.bare(Method::GET, "/readyz")).await.ok();
    until_free(&app).await;
    drop(held);
}

#[tokio::test]
async fn a_client_that_reads_byte_by_byte_is_dropped() {
    let app = TestApp::with(|config| {
        config.http.max_connections = 1;
        config.http.write_timeout = Duration::from_millis(500);
        config.http.min_write_rate = (1 << 30).try_into().unwrap();
    })
    .await;
    let mut stream = ask_for_much(&app).await;
    let trickle = tokio::spawn(async move {
        while stream.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    until_free(&app).await;
    trickle.abort();
}

#[tokio::test]
async fn a_client_beyond_the_connections_is_reported_to_come_again() {
    let app = TestApp::with(|config| config.http.max_connections = 2).await;
    let held = [begin_upload(&app, 1000, b"x").await, begin_upload(&app, 1000, b"x").await];
    let refused = reply(app.request(Method::GET, "/v1/enroll")).await;
    assert_eq!(refused.headers["connection"], "close");
    refused.problem(503, "connections_full");
    reply(app.bare(Method::GET, "/healthz")).await.ok();
    drop(held);
    until_free(&app).await;
}

#[tokio::test]
async fn one_address_cannot_hold_all_connections() {
    let app = TestApp::with(|config| {
        config.http.trusted_proxies = Vec::new();
        config.http.max_connections_per_peer = 3;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(begin_upload(&app, 1000, b"x").await);
    }
    let mut further = TcpStream::connect(app.address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), further.read_u8()).await.expect("it is closed at once");
    closed.unwrap_err();
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = other.connect(app.address).await.unwrap();
    other.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(answer(other).await.starts_with("HTTP/1.1 200 "));
    drop(held);
    let started = Instant::now();
    while app.bare(Method::GET, "/healthz").send().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "the address stays locked out");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_is_answered_and_leaves_its_place() {
    let app = TestApp::with(|config| config.http.max_connections = 1).await;
    for _ in 0..3 {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(answer(stream).await.starts_with("HTTP/1.1 200 "));
    }
    until_free(&app).await;
}
