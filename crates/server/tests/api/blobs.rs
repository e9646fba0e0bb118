//! Kept images in a bucket of a real server that speaks S3.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use vultus_store::blobs::{self, Key};
use vultus_store::settings::Settings;
use vultus_store::{Db, collections, jobs};

use crate::app::{Reply, TestApp, base64, client, reply};
use crate::pictures::photo;
use crate::start::{Server, output, until_ready, vultus};

const ACCESS_KEY: &str = "reception";
const SECRET_KEY: &str = "a secret of the tests";

/// Serves the folders in `root` as buckets until the task is aborted.
async fn serve_s3(root: &Path, address: &str) -> (SocketAddr, JoinHandle<()>) {
    serve_s3_for(root, address, Arc::new(AtomicUsize::new(usize::MAX))).await
}

/// The same, but the service has a fault once it has stored `writes` objects.
async fn serve_s3_for(root: &Path, address: &str, writes: Arc<AtomicUsize>) -> (SocketAddr, JoinHandle<()>) {
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        // Connections end with the task.
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (service, writes) = (service.clone(), writes.clone());
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let writing = request.method() == Method::PUT;
                let left = |left: usize| left.checked_sub(usize::from(writing));
                let faulty = writes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err();
                let service = service.clone();
                async move {
                    if faulty {
                        return Ok(hyper::Response::builder().status(503).body(s3s::Body::empty()).unwrap());
                    }
                    service.call(request.map(s3s::Body::from)).await
                }
            });
            connections.spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, serving)
}

/// The objects in a bucket: the files in its folder but for the server's own.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder).into_iter().flatten().map(|item| item.unwrap().path());
    let own = |path: &PathBuf| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    items.filter(own).flat_map(|path| if path.is_dir() { objects(&path) } else { vec![path] }).collect()
}

/// The program, keeping images in a bucket.
struct Keeping {
    address: String,
    key: String,
    _server: Server,
}

impl Keeping {
    fn start(data: &Path, s3: SocketAddr, secret: &str) -> Self {
        let made = output(data, &["keys", "create", "--account", "acme", "--name", "test", "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let options = ["--keep-images", "--blobs-url", "s3://pictures/of/people", "--listen", "127.0.0.1:0"];
        let mut command = vultus(data, &[&["serve"][..], &options].concat());
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", secret);
        command.env("AWS_ENDPOINT_URL_S3", format!("http://{s3}")).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_REGION", "eu-central-1").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = Server(command.spawn().unwrap());
        let address = server.address();
        Self { address, key: made["key"].as_str().unwrap().to_owned(), _server: server }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Reply {
        let request = client().request(method, format!("http://{}{path}", self.address));
        reply(request.header("x-api-key", &self.key).body(body.to_string())).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_images_go_to_the_bucket_and_leave_it_with_the_person() {
    let (parent, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(root.path().join("pictures")).unwrap();
    let people = root.path().join("pictures/of/people");
    let (address, serving) = serve_s3(root.path(), "127.0.0.1:0").await;
    let server = Keeping::start(parent.path(), address, SECRET_KEY);
    until_ready(&server.address).await;

    let image = photo("collins");
    let body = json!({"img0": base64(&image), "img1": base64(&image), "name": "Eileen"});
    let id = server.call(Method::POST, "/v1/enroll", body).await.ok()["data"]["enrollment_id"].clone();
    let kept = objects(&people);
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|path| is_sealed(&std::fs::read(path).unwrap(), &image)));
    assert!(!parent.path().join("blobs").exists(), "nothing in the data directory");

    let entry = server.call(Method::GET, "/v1/enroll", json!({"id": id})).await.ok()["data"][0].clone();
    let embedding = entry["embeddings"][0].as_str().unwrap().to_owned();
    let one = json!({"enrollment_id": id, "embedding_id": embedding});
    server.call(Method::DELETE, "/v1/enroll/embedding", one).await.ok();
    let left = objects(&people);
    assert!(left.len() == 1 && !left[0].ends_with(&embedding), "{left:?}");

    // One that was kept in the folder before there was a bucket goes too, and so does one from before files were sealed.
    let former = parent.path().join("blobs").join(left[0].strip_prefix(&people).unwrap());
    let plain = former.parent().unwrap().parent().unwrap().join(former.file_name().unwrap());
    std::fs::create_dir_all(former.parent().unwrap()).unwrap();
    for path in [&former, &plain] {
        std::fs::write(path, &image).unwrap();
    }
    server.call(Method::DELETE, "/v1/enroll", json!({"enrollment_id": id})).await.ok();
    assert_eq!((objects(&people).len(), former.exists(), plain.exists()), (0, false, false));

    // Without the bucket nobody is enrolled, rather than somebody without the image; who is deleted is gone from the
    // bucket when it is back.
    let body = json!({"img0": base64(&image), "name": "Eileen"});
    let id = server.call(Method::POST, "/v1/enroll", body.clone()).await.ok()["data"]["enrollment_id"].clone();
    serving.abort();
    let told = server.call(Method::POST, "/v1/enroll", body).await.problem(503, "service_unavailable");
    assert!(told.contains("image store"), "{told}");
    server.call(Method::DELETE, "/v1/enroll", json!({"enrollment_id": id})).await.ok();
    assert_eq!(server.call(Method::GET, "/v1/enroll", json!({})).await.ok()["data"], json!([]));
    assert_eq!(objects(&people).len(), 1);
    let (_, serving) = serve_s3(root.path(), &address.to_string()).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !objects(&people).is_empty() {
        assert!(Instant::now() < deadline, "the image stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_fails_half_way_leaves_nobody_and_its_images_to_a_job() {
    let (parent, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(root.path().join("pictures")).unwrap();
    let writes = Arc::new(AtomicUsize::new(1));
    let (address, serving) = serve_s3_for(root.path(), "127.0.0.1:0", writes.clone()).await;
    let server = Keeping::start(parent.path(), address, SECRET_KEY);
    until_ready(&server.address).await;

    let image = base64(&photo("collins"));
    let body = json!({"img0": image, "img1": image, "name": "Eileen"});
    server.call(Method::POST, "/v1/enroll", body.clone()).await.problem(503, "service_unavailable");
    assert_eq!(server.call(Method::GET, "/v1/enroll", json!({})).await.ok()["data"], json!([]));
    assert_eq!(objects(root.path()).len(), 1, "the first one was kept");
    let db = Db::connect(&format!("sqlite:{}", parent.path().join("vultus.db").display())).await.unwrap();
    assert_eq!(jobs::count(&db).await.unwrap().open, 2, "and both are going to be removed");

    writes.store(usize::MAX, Ordering::Relaxed);
    server.call(Method::POST, "/v1/enroll", body).await.ok();
    assert_eq!(jobs::count(&db).await.unwrap().open, 2, "but not those of somebody who is enrolled");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_hangs_keeps_neither_a_deletion_nor_a_fit_waiting() {
    let (parent, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (address, serving) = serve_s3(root.path(), "127.0.0.1:0").await;
    let server = Keeping::start(parent.path(), address, SECRET_KEY);
    until_ready(&server.address).await;
    let home = server.call(Method::POST, "/v1/collection", json!({"name": "Home"})).await.ok();
    let home = &home["data"]["collection_id"];
    let body = json!({"img0": base64(&photo("collins")), "name": "Eileen"});
    let id = server.call(Method::POST, "/v1/enroll", body).await.ok()["data"]["enrollment_id"].clone();
    let listed = server.call(Method::GET, "/v1/collection", json!({})).await.ok();
    let account = listed["data"][0]["owner"].as_str().unwrap().parse().unwrap();

    serving.abort();
    let _ = serving.await;
    let _silent = TcpListener::bind(address).await.unwrap();
    let started = Instant::now();
    server.call(Method::DELETE, "/v1/enroll", json!({"enrollment_id": id})).await.ok();
    server.call(Method::POST, "/v1/train", json!({"collection_id": home})).await.ok();
    let db = Db::connect(&format!("sqlite:{}", parent.path().join("vultus.db").display())).await.unwrap();
    let collection = home.as_str().unwrap().parse().unwrap();
    while collections::state(&db, account, collection).await.unwrap().fit.is_none() {
        assert!(started.elapsed() < Duration::from_secs(12), "the fit waits");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(jobs::count(&db).await.unwrap().open, 1, "the image is still to be removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_the_credentials_is_no_outage() {
    let (parent, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (address, serving) = serve_s3(root.path(), "127.0.0.1:0").await;
    let server = Keeping::start(parent.path(), address, "another secret");
    until_ready(&server.address).await;
    let body = json!({"img0": base64(&photo("collins")), "name": "Eileen"});
    server.call(Method::POST, "/v1/enroll", body).await.problem(500, "internal");
    serving.abort();
}

/// Whether a file holds an image in a form that shows nothing of it.
fn is_sealed(file: &[u8], image: &[u8]) -> bool {
    let piece = &image[image.len() / 2..][..16];
    file.len() > image.len() && !file.windows(piece.len()).any(|window| window == piece)
}

/// The images that a server keeps in its folder.
pub fn kept_images(app: &TestApp) -> Vec<PathBuf> {
    objects(&app.dir.path().join("blobs"))
}

/// The key of the image in a file: `blobs/ACCOUNT/image/EMBEDDING`.
fn key_of(path: &Path) -> Key {
    let id = |path: &Path| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let folder = path.parent().unwrap();
    assert_eq!(folder.file_name().unwrap(), "image");
    Key { account: id(folder.parent().unwrap()), kind: blobs::Kind::Image, id: id(path) }
}

#[tokio::test]
async fn a_kept_image_is_sealed_and_cannot_be_put_in_the_place_of_another() {
    let app = TestApp::with(|config| config.images.keep_images = true).await;
    let image = photo("collins");
    app.enroll("Eileen", &image).await;
    app.enroll("Joe", &photo("biden")).await;
    let kept = kept_images(&app);
    let [first, second] = kept.as_slice() else { panic!("{kept:?}") };
    let mut opened = Vec::new();
    for path in &kept {
        opened.push(app.app.blobs.get(key_of(path)).await.unwrap().unwrap());
        assert!(is_sealed(&std::fs::read(path).unwrap(), opened.last().unwrap()));
    }
    opened.sort();
    let mut sent = vec![image.clone(), photo("biden")];
    sent.sort();
    assert!(opened == sent);

    std::fs::copy(first, second).unwrap();
    assert!(app.app.blobs.get(key_of(second)).await.is_err(), "another's face");
    std::fs::write(second, &image).unwrap();
    assert!(app.app.blobs.get(key_of(second)).await.is_err(), "a plain picture that somebody put there");
}

#[tokio::test]
async fn images_of_before_files_were_sealed_are_sealed() {
    let app = TestApp::with(|config| config.images.keep_images = true).await;
    app.enroll("Eileen", &photo("collins")).await;
    app.enroll("Joe", &photo("biden")).await;
    // As a former version left it: two plain files, of which one was lost.
    let plain = |path: &Path| path.parent().unwrap().parent().unwrap().join(path.file_name().unwrap());
    let kept = kept_images(&app);
    for path in &kept {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::write(plain(&kept[0]), photo("collins")).unwrap();
    app.sql("update blobs set sealed = false").await;

    assert_eq!(app.app.blobs.seal_plain().await.unwrap(), 1);
    assert_eq!(kept_images(&app), [kept[0].clone()]);
    assert_eq!(app.app.blobs.get(key_of(&kept[0])).await.unwrap().unwrap(), photo("collins"));
    assert_eq!(app.app.blobs.seal_plain().await.unwrap(), 0);
    assert_eq!(blobs::plain(&app.app.db, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_expires_as_its_account_has_set() {
    let app = TestApp::with_worker(|_| {}).await;
    let account = app.account().await;
    let mut settings = Settings { keep_images: Some(true), image_days: Some(1), ..Settings::default() };
    app.set(account, &settings).await;
    let joe = app.enroll("Joe", &photo("biden")).await;
    settings.image_days = None;
    app.set(account, &settings).await;
    app.enroll("Eileen", &photo("collins")).await;
    assert_eq!(kept_images(&app).len(), 2);
    let (db, day) = (&app.app.db, 86_400_000_000);
    let now = vultus_store::enrollments::by_id(db, account, joe.parse().unwrap()).await.unwrap().created;
    assert_eq!(blobs::expire(db, now + day - 1_000_000, 10).await.unwrap(), 0);
    app.sql("update blobs set expires = expires - 86400000000").await;
    assert_eq!(blobs::expire(db, vultus::clock::now_us(), 10).await.unwrap(), 1);
    app.jobs_done().await;
    let left = kept_images(&app);
    assert_eq!(left.len(), 1);
    assert_eq!(app.app.blobs.get(key_of(&left[0])).await.unwrap().unwrap(), photo("collins"));
    settings.keep_images = Some(false);
    app.set(account, &settings).await;
    app.enroll("Hannes", &photo("obama-portrait")).await;
    assert_eq!(kept_images(&app), left);
}
