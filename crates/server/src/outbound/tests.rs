use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use super::*;

const LIMITS: Limits = Limits { bytes: 1000, idle: Duration::from_secs(30), total: Duration::from_mins(1) };

/// A server on the loopback interface. It answers each path with a whole answer, and remembers who was asked for what.
struct Host {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Host {
    fn start(answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let seen = asked.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let Some(request) = head.collect::<Vec<_>>().first().cloned() else { continue };
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let _ = stream.write_all(answer(&path).as_bytes());
                seen.lock().unwrap().push(path);
            }
        });
        Self { address, asked }
    }

    fn url(&self, host: &str, path: &str) -> Url {
        Url::parse(&format!("http://{host}:{}{path}", self.address.port())).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn found(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

fn client(allow: &[&str]) -> Client {
    crate::tls::install();
    let allow = allow.iter().map(|text| config::network(text).unwrap()).collect();
    Client::new(&config::Outbound { outbound_allow: allow, ..config::Outbound::default() }).unwrap()
}

#[tokio::test]
async fn what_only_this_machine_reaches_is_refused_by_address_and_by_name_and_not_even_asked() {
    let host = Host::start(|_| found("secret"));
    for name in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0"] {
        let refused = client(&[]).get(host.url(name, "/"), LIMITS).await.unwrap_err();
        let message = refused.to_string();
        assert!(matches!(refused, Error::Refused { .. }), "{name}: {message}");
        assert!(message.contains("--outbound-allow"), "{message}");
    }
    assert!(host.asked().is_empty());
    let allowed = client(&["127.0.0.1"]);
    for name in ["127.0.0.1", "localhost"] {
        assert_eq!(allowed.get(host.url(name, "/"), LIMITS).await.unwrap(), b"secret");
    }
}

#[tokio::test]
async fn redirects_are_followed_to_allowed_addresses_only_and_a_bounded_number_of_times() {
    let host = Host::start(|path| match path {
        "/once" => moved("/end"),
        "/inside" => moved("http://127.0.0.2/"),
        "/file" => moved("file:///etc/passwd"),
        "/end" => found("whole"),
        _ => moved("/loop"),
    });
    let client = client(&["127.0.0.1"]);
    let get = async |path: &str| client.get(host.url("127.0.0.1", path), LIMITS).await;
    assert_eq!(get("/once").await.unwrap(), b"whole");
    assert!(matches!(get("/inside").await, Err(Error::Refused { host, .. }) if host == "127.0.0.2"));
    assert!(matches!(get("/file").await, Err(Error::Scheme { .. })));
    assert!(matches!(get("/loop").await, Err(Error::Redirects { .. })));
    assert_eq!(host.asked().iter().filter(|path| *path == "/loop").count(), 1 + MAX_REDIRECTS);
}

#[tokio::test]
async fn answers_are_bounded_in_length_and_time_and_errors_name_the_host() {
    let host = Host::start(|path| match path {
        "/exact" => found(&"x".repeat(1000)),
        "/long" => found(&"x".repeat(1001)),
        "/cut" => "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nfive!".into(),
        _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into(),
    });
    let client = client(&["127.0.0.0/8"]);
    let get = async |path: &str| client.get(host.url("127.0.0.1", path), LIMITS).await;
    assert_eq!(get("/exact").await.unwrap().len(), 1000);
    assert!(matches!(get("/long").await, Err(Error::TooLong { limit: 1000, .. })));
    for (path, part) in [("/cut", "cannot be reached"), ("/absent", "answers 404"), ("/long", "longer than 1000 bytes")]
    {
        let message = get(path).await.unwrap_err().to_string();
        assert!(message.contains("127.0.0.1") && message.contains(part), "{message}");
    }
    // It accepts connections, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", silent.local_addr().unwrap())).unwrap();
    let brief = Duration::from_millis(50);
    for limits in [Limits { idle: brief, ..LIMITS }, Limits { total: brief, ..LIMITS }] {
        assert!(matches!(client.get(url.clone(), limits).await, Err(Error::TooSlow { .. })));
    }
}

#[tokio::test]
async fn a_configured_proxy_is_asked_for_names_but_not_for_private_addresses() {
    let proxy = Host::start(found);
    let options =
        config::Outbound { outbound_proxy: Some(format!("http://{}", proxy.address)), ..config::Outbound::default() };
    crate::tls::install();
    let client = Client::new(&options).unwrap();
    let url = Url::parse("http://lists.example/list.xml").unwrap();
    assert_eq!(client.get(url.clone(), LIMITS).await.unwrap(), url.as_str().as_bytes());
    let inside = Url::parse("http://10.0.0.1/").unwrap();
    assert!(matches!(client.get(inside, LIMITS).await, Err(Error::Refused { .. })));
    assert_eq!(proxy.asked(), [url.as_str()]);
}
