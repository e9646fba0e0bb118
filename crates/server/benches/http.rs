//! The server over HTTP, as a client sees it: latency one request at a time, throughput of one and of two inference
//! threads, memory at rest. Starts the real program on 127.0.0.1 with a database of its own. Needs the models: `vultus
//! models pull --to target/models`. Run with `make bench`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[expect(dead_code, reason = "the other benchmarks use more of it")]
mod node;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::{ENROLLED, Server, jpeg_1280x960, throughput};
use serde_json::{Value, json};

/// Requests of each latency figure.
const REQUESTS: usize = 100;
/// People in the collection that is fitted meanwhile, one embedding each.
const IMPORTED: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let jpeg = jpeg_1280x960()?;
    println!("one JPEG of 1280 x 960 pixels with one face, {} kB", jpeg.len() / 1000);
    let server = Server::start(1, None, None).await?;
    println!("memory at rest, one inference thread:  {:>8.0} MB", server.resident_mb()?);
    let detect = median(|| server.facedetect(&jpeg)).await?;
    println!("facedetect, median of {REQUESTS}:           {detect:>8.1} ms");
    let collection = server.enroll_people(&jpeg).await?;
    let identify = median(|| server.identify(&jpeg, &collection)).await?;
    println!("identify among {ENROLLED}, median of {REQUESTS}:    {identify:>8.1} ms");
    let large = import_people(&server)?;
    let quiet = median(|| server.identify(&jpeg, &large)).await?;
    let during = during_fits(&server, &large, median(|| server.identify(&jpeg, &large))).await?;
    println!("identify among {IMPORTED}, median of {REQUESTS}: {quiet:>8.1} ms");
    println!("the same while it is fitted:           {during:>8.1} ms, {:.2} x", during / quiet);
    let one = throughput(|_| server.facedetect(&jpeg)).await?;
    drop(server);
    let server = Server::start(2, None, None).await?;
    println!("memory at rest, two inference threads: {:>8.0} MB", server.resident_mb()?);
    let two = throughput(|_| server.facedetect(&jpeg)).await?;
    println!("facedetect, one inference thread:      {one:>8.1} requests/s");
    println!("facedetect, two inference threads:     {two:>8.1} requests/s, {:.2} x", two / one);
    Ok(())
}

/// Makes a collection of people who look like nobody; gives its id.
fn import_people(server: &Server) -> anyhow::Result<String> {
    let file = server.data.path().join("people.ndjson");
    let mut lines = vec![json!({"format": "vultus collection 1", "name": "large", "unknowns": true}).to_string()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for person in 0..IMPORTED {
        let vector = STANDARD.encode(direction(&mut random));
        let embeddings = json!([{"model": "fr_feature", "vector": vector}]);
        lines.push(json!({"name": format!("person {person}"), "embeddings": embeddings}).to_string());
    }
    std::fs::write(&file, lines.join("\n"))?;
    let mut import = Command::new(env!("CARGO_BIN_EXE_vultus"));
    import.args(["collections", "import"]).arg(&file).arg("--data-dir").arg(server.data.path());
    let done = import.output()?;
    anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8(done.stdout)?;
    Ok(printed.trim().rsplit(' ').next().context("a collection id")?.to_owned())
}

/// Does something while the classifier of a collection is fitted again and again.
async fn during_fits<T>(
    server: &Server,
    collection: &str,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let fits = async {
        loop {
            server.post("train", &json!({ "collection_id": collection })).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        done = work => done,
        failed = fits => failed,
    }
}

/// Median time of a request in milliseconds, one at a time.
async fn median<F: Future<Output = anyhow::Result<Value>>>(request: impl Fn() -> F) -> anyhow::Result<f64> {
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
