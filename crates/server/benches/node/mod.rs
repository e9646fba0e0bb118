//! The program itself, as a child process on 127.0.0.1, and clients that ask it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// People in the collection that is searched.
pub const ENROLLED: usize = 100;
/// How long each throughput is measured, and by how many clients at once.
const LOAD: Duration = Duration::from_secs(10);
const CLIENTS: usize = 6;
/// Servers on one database share it.
const SECRET: &str = "nothing of a benchmark is a secret";

/// A running server; stopped when dropped.
pub struct Server {
    process: Child,
    /// Where it answers, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// A key for everything.
    pub key: String,
    http: reqwest::Client,
    /// Its data directory.
    pub data: tempfile::TempDir,
}

impl Server {
    /// A server with so many inference threads, on a database of its own or on this one. `key` is that of a server that
    /// uses the database already.
    pub async fn start(threads: usize, database: Option<&str>, key: Option<&str>) -> anyhow::Result<Self> {
        Self::start_with(threads, database, key, &[]).await
    }

    /// The same with further options.
    pub async fn start_with(
        threads: usize,
        database: Option<&str>,
        key: Option<&str>,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let models = std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| root().join("target/models"), PathBuf::from);
        vultus::tls::install();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vultus"));
        command.args(["serve", "--log", "warn", "--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--engine-threads", &threads.to_string(), "--secret", SECRET]);
        command.arg("--data-dir").arg(data.path()).arg("--models-dir").arg(models);
        command.args(database.map(|url| ["--database-url", url]).into_iter().flatten());
        let mut process = command.args(options).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(process.stdout.take().context("standard output is piped")?);
        let printed = || output.lines().map_while(Result::ok).find(|line| line.trim().starts_with("vultus_"));
        let key = key.map(str::to_owned).or_else(printed);
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

    /// A key of another account.
    pub fn key_of(&self, account: &str) -> anyhow::Result<String> {
        let mut create = Command::new(env!("CARGO_BIN_EXE_vultus"));
        create.args(["keys", "create", "--name", "bench", "--json", "--account", account, "--secret", SECRET]);
        let made: Value = serde_json::from_slice(&create.arg("--data-dir").arg(self.data.path()).output()?.stdout)?;
        Ok(made["key"].as_str().context("a key")?.to_owned())
    }

    /// Finds the faces of a picture.
    pub async fn facedetect(&self, jpeg: &[u8]) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}/v1/facedetect", self.url)).body(jpeg.to_vec())).await
    }

    /// Reads something; gives `data` of the answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.http.get(format!("{}/v1/{path}", self.url))).await
    }

    /// Sends a request; gives `data` of the answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}/v1/{path}", self.url)).body(body.to_string())).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let text = request.header("x-api-key", &self.key).send().await?.text().await?;
        let answer: Value = serde_json::from_str(&text)?;
        anyhow::ensure!(answer["success"] == true, "{text}");
        Ok(answer["data"].clone())
    }

    /// Makes a collection of people who look alike; gives its id.
    pub async fn enroll_people(&self, jpeg: &[u8]) -> anyhow::Result<String> {
        let collection = self.post("collection", &json!({ "name": "bench" })).await?;
        let id = collection["collection_id"].as_str().context("a collection id")?.to_owned();
        let image = STANDARD.encode(jpeg);
        for person in 0..ENROLLED {
            let body = json!({ "img0": image, "name": format!("person {person}"), "collection_id": id });
            self.post("enroll", &body).await?;
        }
        Ok(id)
    }

    /// Identifies a picture in a collection.
    pub async fn identify(&self, jpeg: &[u8], collection: &str) -> anyhow::Result<Value> {
        self.post("identify", &json!({ "img": STANDARD.encode(jpeg), "collection_id": collection })).await
    }

    /// Resident memory in MB.
    pub fn resident_mb(&self) -> anyhow::Result<f64> {
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

/// Answers a second to several clients that ask again as soon as they are answered. `request` is handed the number of the
/// client.
pub async fn throughput<F: Future<Output = anyhow::Result<Value>>>(
    request: impl Fn(usize) -> F,
) -> anyhow::Result<f64> {
    let answered = AtomicUsize::new(0);
    let start = Instant::now();
    let client = async |number: usize| {
        request(number).await?;
        while start.elapsed() < LOAD {
            request(number).await?;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    futures_util::future::try_join_all((0..CLIENTS).map(client)).await?;
    Ok(answered.into_inner() as f64 / start.elapsed().as_secs_f64())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A photograph of one face, enlarged onto a canvas of 1280 x 960 pixels.
pub fn jpeg_1280x960() -> anyhow::Result<Vec<u8>> {
    let photo =
        image::open(root().join("testdata/collins.jpg"))?.resize(960, 960, image::imageops::FilterType::Triangle);
    let mut canvas = image::RgbImage::from_pixel(1280, 960, image::Rgb([90, 110, 130]));
    image::imageops::overlay(&mut canvas, &photo.to_rgb8(), 160, 0);
    let mut bytes = std::io::Cursor::new(Vec::new());
    canvas.write_to(&mut bytes, image::ImageFormat::Jpeg)?;
    Ok(bytes.into_inner())
}
