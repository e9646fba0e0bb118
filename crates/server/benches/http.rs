//! The server over HTTP, as a client sees it: latency one request at a time, throughput of one and of two inference
//! threads, memory at rest. Starts the real program on 127.0.0.1 with a database of its own. Needs the models: `vultus
//! models pull --to target/models`. Run with `make bench`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Requests of each latency figure.
const REQUESTS: usize = 100;
/// People in the collection that is searched.
const ENROLLED: usize = 100;
/// People in the collection that is fitted meanwhile, one embedding each.
const IMPORTED: usize = 10_000;
/// How long each throughput is measured, and by how many clients at once.
const LOAD: Duration = Duration::from_secs(10);
const CLIENTS: usize = 6;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let jpeg = jpeg_1280x960()?;
    println!("one JPEG of 1280 x 960 pixels with one face, {} kB", jpeg.len() / 1000);
    let server = Server::start(1).await?;
    println!("memory at rest, one inference thread:  {:>8.0} MB", server.resident_mb()?);
    let detect = server.median(|| server.facedetect(&jpeg)).await?;
    println!("facedetect, median of {REQUESTS}:           {detect:>8.1} ms");
    let collection = server.enroll_people(&jpeg).await?;
    let identify = server.median(|| server.identify(&jpeg, &collection)).await?;
    println!("identify among {ENROLLED}, median of {REQUESTS}:    {identify:>8.1} ms");
    let large = server.import_people()?;
    let quiet = server.median(|| server.identify(&jpeg, &large)).await?;
    let during = server.during_fits(&large, server.median(|| server.identify(&jpeg, &large))).await?;
    println!("identify among {IMPORTED}, median of {REQUESTS}: {quiet:>8.1} ms");
    println!("the same while it is fitted:           {during:>8.1} ms, {:.2} x", during / quiet);
    let one = server.throughput(&jpeg).await?;
    drop(server);
    let server = Server::start(2).await?;
    println!("memory at rest, two inference threads: {:>8.0} MB", server.resident_mb()?);
    let two = server.throughput(&jpeg).await?;
    println!("facedetect, one inference thread:      {one:>8.1} requests/s");
    println!("facedetect, two inference threads:     {two:>8.1} requests/s, {:.2} x", two / one);
    Ok(())
}

/// A running server; stopped when dropped.
struct Server {
    process: Child,
    url: String,
    key: String,
    http: reqwest::Client,
    data: tempfile::TempDir,
}

impl Server {
    async fn start(threads: usize) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let models = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| root().join("target/models"), PathBuf::from);
        vultus::tls::install();
        let mut process = Command::new(env!("CARGO_BIN_EXE_vultus"))
            .args(["serve", "--log", "warn", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--engine-threads", &threads.to_string()])
            .arg("--data-dir")
            .arg(data.path())
            .arg("--models-dir")
            .arg(models)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(process.stdout.take().context("standard output is piped")?);
        let key = output.lines().map_while(Result::ok).find(|line| line.trim().starts_with("vultus_"));
        let key = key.ok_or_else(|| anyhow!("the server printed no key"))?.trim().to_owned();
        let server = Self { process, url: format!("http://127.0.0.1:{port}"), key, http: reqwest::Client::new(), data };
        for _ in 0..600 {
            let ready = server.http.get(format!("{}/readyz", server.url)).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(anyhow!("the server did not become ready"))
    }

    async fn facedetect(&self, jpeg: &[u8]) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}/v1/facedetect", self.url)).body(jpeg.to_vec())).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}/v1/{path}", self.url)).body(body.to_string())).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let text = request.header("x-api-key", &self.key).send().await?.text().await?;
        let answer: Value = serde_json::from_str(&text)?;
        anyhow::ensure!(answer["success"] == true, "{text}");
        Ok(answer["data"].clone())
    }

    async fn enroll_people(&self, jpeg: &[u8]) -> anyhow::Result<String> {
        let collection = self.post("collection", &json!({ "name": "bench" })).await?;
        let id = collection["collection_id"].as_str().context("a collection id")?.to_owned();
        let image = STANDARD.encode(jpeg);
        for person in 0..ENROLLED {
            let body = json!({ "img0": image, "name": format!("person {person}"), "collection_id": id });
            self.post("enroll", &body).await?;
        }
        Ok(id)
    }

    /// Makes a collection of people who look like nobody; gives its id.
    fn import_people(&self) -> anyhow::Result<String> {
        let file = self.data.path().join("people.ndjson");
        let mut lines = vec![json!({"format": "vultus collection 1", "name": "large", "unknowns": true}).to_string()];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for person in 0..IMPORTED {
            let vector = STANDARD.encode(direction(&mut random));
            let embeddings = json!([{"model": "fr_feature", "vector": vector}]);
            lines.push(json!({"name": format!("person {person}"), "embeddings": embeddings}).to_string());
        }
        std::fs::write(&file, lines.join("\n"))?;
        let mut import = Command::new(env!("CARGO_BIN_EXE_vultus"));
        import.args(["collections", "import"]).arg(&file).arg("--data-dir").arg(self.data.path());
        let done = import.output()?;
        anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let printed = String::from_utf8(done.stdout)?;
        Ok(printed.trim().rsplit(' ').next().context("a collection id")?.to_owned())
    }

    /// Does something while the classifier of a collection is fitted again and again.
    async fn during_fits<T>(
        &self,
        collection: &str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let fits = async {
            loop {
                self.post("train", &json!({ "collection_id": collection })).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            done = work => done,
            failed = fits => failed,
        }
    }

    async fn identify(&self, jpeg: &[u8], collection: &str) -> anyhow::Result<Value> {
        self.post("identify", &json!({ "img": STANDARD.encode(jpeg), "collection_id": collection })).await
    }

    /// Median time of a request in milliseconds, one at a time.
    async fn median<F: Future<Output = anyhow::Result<Value>>>(&self, request: impl Fn() -> F) -> anyhow::Result<f64> {
        for _ in 0..5 {
            request().await?;
        }
        let mut times = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            let start = Instant::now();
            request().await?;
            times.push(start.elapsed());
        }
        times.sort();
        Ok(times[REQUESTS / 2].as_secs_f64() * 1e3)
    }

    /// Answers a second to several clients that ask again as soon as they are answered.
    async fn throughput(&self, jpeg: &[u8]) -> anyhow::Result<f64> {
        self.facedetect(jpeg).await?;
        let answered = AtomicUsize::new(0);
        let start = Instant::now();
        let client = || async {
            while start.elapsed() < LOAD {
                self.facedetect(jpeg).await?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        };
        futures_util::future::try_join_all((0..CLIENTS).map(|_| client())).await?;
        Ok(answered.into_inner() as f64 / start.elapsed().as_secs_f64())
    }

    /// Resident memory in MB.
    fn resident_mb(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
        Ok(kilobytes / 1000.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The little-endian bytes of a vector of unit length, near those of any other at a right angle.
fn direction(random: &mut u64) -> Vec<u8> {
    let mut next = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        (*random >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..512).map(|_| next()).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().flat_map(|value| (value / length).to_le_bytes()).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A photograph of one face, enlarged onto a canvas of 1280 x 960 pixels.
fn jpeg_1280x960() -> anyhow::Result<Vec<u8>> {
    let photo =
        image::open(root().join("testdata/collins.jpg"))?.resize(960, 960, image::imageops::FilterType::Triangle);
    let mut canvas = image::RgbImage::from_pixel(1280, 960, image::Rgb([90, 110, 130]));
    image::imageops::overlay(&mut canvas, &photo.to_rgb8(), 160, 0);
    let mut bytes = std::io::Cursor::new(Vec::new());
    canvas.write_to(&mut bytes, image::ImageFormat::Jpeg)?;
    Ok(bytes.into_inner())
}
