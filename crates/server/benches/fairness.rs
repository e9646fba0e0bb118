//! What an account notices of another one that floods the server: times of its requests while the server is quiet, and under
//! floods of one kind after the other. Starts the real program on 127.0.0.1 with one inference thread for each core. Needs the
//! models: `vultus models pull --to target/models`. Run with `cargo bench -p vultus --bench fairness`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[expect(dead_code, reason = "the other benchmarks use more of it")]
mod node;

use std::io::{Cursor, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::{Server, jpeg_1280x960};
use serde_json::{Value, json};

/// Requests of each figure: the 99th percentile is the fourth longest.
const REQUESTS: usize = 400;
/// Pause between them: the account does not flood.
const PAUSE: Duration = Duration::from_millis(10);
/// Flooding clients, each of which asks again as soon as it is answered.
const CLIENTS: usize = 48;
/// Connections that send next to nothing: more than one address may have open.
const IDLE: usize = 400;
/// How long a flood runs before the figures are taken.
const LEAD: Duration = Duration::from_secs(2);
/// The priority of the flooding clients, which would run on other machines.
const NICE: i32 = 19;

/// One account that floods, with an address of its own.
#[derive(Clone)]
struct Flood {
    url: String,
    key: String,
    photo: Arc<Vec<u8>>,
    large: Arc<Vec<u8>>,
    enrollment: String,
    collection: String,
}

/// A kind of flood, and what starts one of its clients.
type Kind = (&'static str, fn(Flood, Arc<AtomicBool>, Arc<AtomicUsize>));

const KINDS: [Kind; 4] = [
    ("photos of 1.2 megapixels", |flood, over, sent| flood.clients(CLIENTS, &over, &sent, Flood::small)),
    ("photos of 48 megapixels", |flood, over, sent| flood.clients(CLIENTS, &over, &sent, Flood::large)),
    ("all endpoints that take images", |flood, over, sent| flood.clients(CLIENTS, &over, &sent, Flood::every)),
    ("uploads and connections that idle", |flood, over, sent| flood.idle(&over, &sent)),
];

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let threads = thread::available_parallelism()?.get();
    // The clients of this machine are not one proxy: they come from two addresses.
    let server = Server::start_with(threads, None, None, &["--trusted-proxies", "192.0.2.1"]).await?;
    let photo = jpeg_1280x960()?;
    let collection = server.enroll_people(&photo).await?;
    let flood = Flood::new(&server, photo.clone()).await?;
    println!(
        "{threads} inference threads; {REQUESTS} requests, one at a time, of an account that another one disturbs"
    );
    for (name, kind) in KINDS {
        let quiet = Times::take(&server, &photo, &collection).await?;
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let flooding = thread::spawn({
            let (flood, over, sent) = (flood.clone(), over.clone(), sent.clone());
            move || kind(flood, over, sent)
        });
        tokio::time::sleep(LEAD).await;
        let flooded = Times::take(&server, &photo, &collection).await;
        over.store(true, Ordering::Relaxed);
        flooding.join().map_err(|_| anyhow::anyhow!("the flood failed"))?;
        println!("{name}, {} answered", sent.load(Ordering::Relaxed));
        quiet.print(&flooded?);
    }
    Ok(())
}

/// Times of the requests of the account that is disturbed, sorted.
struct Times {
    identify: Vec<Duration>,
    list: Vec<Duration>,
}

impl Times {
    async fn take(server: &Server, photo: &[u8], collection: &str) -> anyhow::Result<Self> {
        let (mut identify, mut list) = (Vec::new(), Vec::new());
        for _ in 0..REQUESTS {
            let start = Instant::now();
            server.identify(photo, collection).await?;
            identify.push(start.elapsed());
            let start = Instant::now();
            server.get("collection?limit=1").await?;
            list.push(start.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        identify.sort();
        list.sort();
        Ok(Self { identify, list })
    }

    fn print(&self, flooded: &Self) {
        for (name, quiet, flooded) in
            [("identify", &self.identify, &flooded.identify), ("list", &self.list, &flooded.list)]
        {
            let of = |times: &[Duration], percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e3;
            println!(
                "  {name:<9} quiet p50 {:>6.1} p99 {:>6.1} ms, flooded p50 {:>6.1} p99 {:>6.1} ms, p99 {:.2} x",
                of(quiet, 50),
                of(quiet, 99),
                of(flooded, 50),
                of(flooded, 99),
                of(flooded, 99) / of(quiet, 99)
            );
        }
    }
}

impl Flood {
    async fn new(server: &Server, photo: Vec<u8>) -> anyhow::Result<Self> {
        let key = server.key_of("flood")?;
        let mut flood = Self {
            url: server.url.clone(),
            key,
            large: Arc::new(enlarged(&photo)?),
            photo: Arc::new(photo),
            enrollment: String::new(),
            collection: String::new(),
        };
        let client = Self::client()?;
        let text =
            |answer: &Value, name: &str| answer["data"][name].as_str().map(str::to_owned).context(answer.to_string());
        let made = flood.post(&client, "collection", &json!({"name": "flood"})).await?;
        flood.collection = text(&made, "collection_id")?;
        let body = json!({"img0": STANDARD.encode(&*flood.photo), "collection_id": flood.collection});
        flood.enrollment = text(&flood.post(&client, "enroll", &body).await?, "enrollment_id")?;
        Ok(flood)
    }

    /// A client with an address of its own.
    fn client() -> anyhow::Result<reqwest::Client> {
        let address = std::net::IpAddr::from([127, 0, 0, 2]);
        Ok(reqwest::Client::builder().no_proxy().local_address(address).build()?)
    }

    async fn post(&self, client: &reqwest::Client, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(client.post(format!("{}/v1/{path}", self.url)).body(body.to_string())).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let text = request.header("x-api-key", &self.key).send().await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs clients on this thread until the flood is over. Refusals and failures are a part of it.
    fn clients<F: Future<Output = anyhow::Result<Value>>>(
        self,
        clients: usize,
        over: &AtomicBool,
        sent: &AtomicUsize,
        request: impl Fn(Self, reqwest::Client, usize) -> F,
    ) {
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let client = async |number: usize| {
            let Ok(client) = Self::client() else { return };
            for turn in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let answer = request(self.clone(), client.clone(), number + turn).await;
                if answer.is_ok_and(|answer| answer["success"] == true) {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        runtime.block_on(futures_util::future::join_all((0..clients).map(client)));
    }

    async fn small(self, client: reqwest::Client, _: usize) -> anyhow::Result<Value> {
        self.send(client.post(format!("{}/v1/facedetect", self.url)).body(self.photo.to_vec())).await
    }

    async fn large(self, client: reqwest::Client, _: usize) -> anyhow::Result<Value> {
        self.send(client.post(format!("{}/v1/facedetect", self.url)).body(self.large.to_vec())).await
    }

    async fn every(self, client: reqwest::Client, turn: usize) -> anyhow::Result<Value> {
        let image = STANDARD.encode(&*self.photo);
        let (id, collection) = (&self.enrollment, &self.collection);
        let (path, body) = match turn % 6 {
            0 => ("facedetect", json!({"img": image})),
            1 => ("spdetect", json!({"img": image})),
            2 => ("match", json!({"img": image, "id": id})),
            3 => ("identify", json!({"img": image, "collection_id": collection})),
            4 => ("feedback", json!({"img": image, "collection_id": collection, "enrollment_id": id})),
            _ => ("enroll", json!({"img0": image, "img1": image, "img2": image, "img3": image})),
        };
        self.post(&client, path, &body).await
    }

    /// Opens connections, half of which begin an upload of 30 MB, and sends a byte on each now and then.
    fn idle(self, over: &AtomicBool, sent: &AtomicUsize) {
        let address = self.url.trim_start_matches("http://");
        let head = format!(
            "POST /v1/facedetect HTTP/1.1\r\nhost: {address}\r\nx-api-key: {}\r\ncontent-length: 30000000\r\n\r\n",
            self.key
        );
        let mut open: Vec<(usize, TcpStream)> = Vec::new();
        for number in (0..).take_while(|_| !over.load(Ordering::Relaxed)) {
            if open.len() < IDLE
                && let Ok(stream) = TcpStream::connect(address)
            {
                let begin: &[u8] = if number % 2 == 0 { head.as_bytes() } else { b"G" };
                let _ = (&stream).write_all(begin);
                open.push((number, stream));
                sent.fetch_add(1, Ordering::Relaxed);
            }
            open.retain_mut(|(number, stream)| *number % 2 == 1 || stream.write_all(b"x").is_ok());
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The photo with 8000 x 6000 pixels.
fn enlarged(photo: &[u8]) -> anyhow::Result<Vec<u8>> {
    let large = image::load_from_memory(photo)?.resize(8000, 6000, image::imageops::FilterType::Nearest);
    let mut bytes = Cursor::new(Vec::new());
    large.write_to(&mut bytes, image::ImageFormat::Jpeg)?;
    Ok(bytes.into_inner())
}
