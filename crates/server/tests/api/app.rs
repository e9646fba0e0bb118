//! The harness: a server of its own for each test, and one set of inference threads for all.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{Args as _, FromArgMatches as _};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vultus::app::App;
use vultus::auth::keys::{self, NewKey};
use vultus::auth::principal::{Answers, Scope};
use vultus::config::Config;
use vultus::jobs::{self, Tools};
use vultus::keyring::Keyring;
use vultus::pools::{Engine, Pool, faces};
use vultus::{http, keyring, seal, search, tls};
use vultus_store::settings::Settings;
use vultus_store::{Db, Id};

use crate::database::{Database, run_sql};

/// A running server with an empty database and a key for everything.
pub struct TestApp {
    pub app: Arc<App>,
    pub address: SocketAddr,
    pub key: String,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    worker: Option<JoinHandle<()>>,
    /// Goes with the test.
    _database: Option<Database>,
    pub dir: TempDir,
}

/// What a server shares with no other.
struct Own {
    dir: TempDir,
    database: Option<Database>,
    config: Config,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
}

/// A client that asks no proxy.
pub fn client() -> reqwest::Client {
    tls::install();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with other options, on the shared inference threads.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(Own::new(Database::create().await), change).await
    }

    /// The same with a PostgreSQL database, whatever `TEST_DATABASE` says.
    pub async fn on_postgres(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(Own::new(Some(Database::on_postgres().await)), change).await
    }

    async fn over(mut own: Own, change: impl FnOnce(&mut Config)) -> Self {
        static ENGINES: OnceLock<Arc<Pool<Engine>>> = OnceLock::new();
        change(&mut own.config);
        let engines = ENGINES.get_or_init(|| Arc::new(faces::start(&own.config).unwrap())).clone();
        engines.loaded().await.unwrap();
        Self::start(own, engines).await
    }

    /// A server that does its jobs.
    pub async fn with_worker(change: impl FnOnce(&mut Config)) -> Self {
        let mut app = Self::with(change).await;
        let tools = app.tools();
        app.worker = Some(tokio::spawn(jobs::run(tools, std::future::pending())));
        app
    }

    fn tools(&self) -> Tools {
        let App { config, db, keyring, vectors, .. } = &*self.app;
        Tools::new(config, db.clone(), keyring.clone(), vectors.clone()).unwrap()
    }

    /// Waits until no job is left.
    pub async fn jobs_done(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let left = vultus_store::jobs::count(&self.app.db).await.unwrap();
            assert_eq!(left.failed, 0, "a job failed");
            if left.open == 0 {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "jobs are left: {left:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A server with one inference thread of its own.
    pub async fn with_own_engine(change: impl FnOnce(&mut Config)) -> Self {
        let mut own = Own::new(Database::create().await);
        own.config.engine.engine_threads = Some(1.try_into().unwrap());
        own.config.fairness.spare_threads = 0;
        change(&mut own.config);
        let engines = Arc::new(faces::start(&own.config).unwrap());
        engines.loaded().await.unwrap();
        Self::start(own, engines).await
    }

    async fn start(own: Own, engines: Arc<Pool<Engine>>) -> Self {
        let Own { dir, database, config } = own;
        let keyring = keyring::load(&config.data, 0).unwrap();
        let db = Db::connect(&config.data.database_url()).await.unwrap().sealed_by(seal::sealer(&keyring));
        let app = App::new(config, db, engines, keyring).unwrap();
        let key = mint(&app, &ANY_KEY).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(http::wire::listen::serve(listener, app.clone(), async {
            let _ = stopped.await;
        }));
        let client = client();
        let (stop, server) = (Some(stop), Some(server));
        Self { app, address, key, client, stop, server, worker: None, _database: database, dir }
    }

    /// Asks the server to stop, as SIGTERM does; the task ends when it has.
    pub fn stop(&mut self) -> JoinHandle<()> {
        drop(self.stop.take());
        self.server.take().unwrap()
    }

    /// A key of another account.
    pub async fn key_of(&self, account: &str) -> String {
        mint(&self.app, &NewKey { account, ..ANY_KEY }).await
    }

    /// A key of the test account.
    pub async fn key_with(&self, scopes: &[Scope], expires: Option<i64>) -> String {
        mint(&self.app, &NewKey { scopes, expires, ..ANY_KEY }).await
    }

    /// A key of the test account in test mode.
    pub async fn test_key(&self, scopes: &[Scope]) -> String {
        mint(&self.app, &NewKey { scopes, test: true, ..ANY_KEY }).await
    }

    /// A key of the test account that gets answers of this form.
    pub async fn key_for(&self, answers: Answers) -> String {
        mint(&self.app, &NewKey { answers, ..ANY_KEY }).await
    }

    /// Runs a statement on the database, as nothing but a test may.
    pub async fn sql(&self, text: &'static str) {
        run_sql(&self.app.config.data.database_url(), text).await;
    }

    /// Changes the settings of an account.
    pub async fn set(&self, account: Id, settings: &Settings) {
        let mut tx = self.app.db.write(account).await.unwrap();
        vultus_store::settings::update(&mut tx, account, |stored| *stored = *settings).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The account of the tests.
    pub async fn account(&self) -> Id {
        vultus_store::accounts::list(&self.app.db).await.unwrap()[0].id
    }

    /// A request without a key.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("x-api-key", &self.key)
    }

    pub async fn get(&self, path: &str) -> Reply {
        reply(self.request(Method::GET, path)).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Reply {
        reply(self.request(method, path).body(body.to_string())).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.json(Method::POST, path, body).await
    }

    pub async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Reply {
        reply(self.request(Method::POST, path).body(body)).await
    }

    /// Enrolls a person with one photo; gives the id.
    pub async fn enroll(&self, name: &str, photo: &[u8]) -> String {
        let made = self.post("/v1/enroll", &json!({"img0": base64(photo), "name": name})).await.ok();
        made["data"]["enrollment_id"].as_str().unwrap().to_owned()
    }

    /// Makes a collection; gives the id.
    pub async fn collection(&self, name: &str) -> String {
        let made = self.post("/v1/collection", &json!({"name": name})).await.ok();
        made["data"]["collection_id"].as_str().unwrap().to_owned()
    }

    /// Puts a person into a collection.
    pub async fn join(&self, enrollment: &str, collection: &str) {
        let body = json!({"enrollment_id": enrollment, "collection_id": collection});
        self.json(Method::PUT, "/v1/collection", &body).await.ok();
    }
}

impl Drop for TestApp {
    /// A test that ends well must leave no job that cannot be done: what its requests have queued is done here.
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.abort();
        }
        if std::thread::panicking() {
            return;
        }
        let App { config, keyring, .. } = &*self.app;
        // On a thread of its own, since the runtime of the test cannot be waited for here.
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(do_jobs(config, keyring));
        };
        std::thread::scope(|scope| scope.spawn(work).join()).expect("the jobs that the test left can be done");
    }
}

/// Does the jobs that are due. Does nothing if the test has taken the database away.
async fn do_jobs(config: &Config, keyring: &Keyring) {
    let Ok(db) = Db::connect_existing(&config.data.database_url()).await else { return };
    let db = db.sealed_by(seal::sealer(keyring));
    if !has_due_jobs(&db).await {
        return;
    }
    let vectors = search::open(config, &db, keyring).unwrap();
    let tools = Tools::new(config, db.clone(), keyring.clone(), vectors).unwrap();
    let tools = Tools { refit_delay: Duration::ZERO, ..tools };
    let all_done = async {
        while has_due_jobs(&db).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), jobs::run(tools, all_done)).await.expect("jobs are left");
    db.close().await;
}

async fn has_due_jobs(db: &Db) -> bool {
    let jobs = vultus_store::jobs::summary(db).await.unwrap();
    assert!(jobs.iter().all(|job| job.state != "failed"), "a job failed: {jobs:?}");
    let now = vultus::clock::now_us();
    // A fit is due at once, unless it failed. An image that was reserved is due later.
    jobs.iter().any(|job| job.state == "queued" && (job.kind == "fit" || job.oldest_due <= now))
}

impl Reply {
    /// The body of an answer with status 200 and `success`.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!((self.status.as_u16(), &self.json["success"]), (200, &json!(true)), "{}", self.json);
        self.json
    }

    /// Checks that this is an error of the documented form, and gives its message.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> String {
        assert_eq!((self.status.as_u16(), &self.json["meta"]["code"]), (status, &json!(code)), "{}", self.json);
        assert_eq!(keys_of(&self.json), ["data", "message", "meta", "success"]);
        assert_eq!((&self.json["success"], &self.json["data"]), (&json!(false), &Value::Null));
        assert_eq!(self.json["meta"]["request_id"], self.headers["x-request-id"].to_str().unwrap());
        // What may have been done is not to be done twice.
        assert_eq!(self.headers.contains_key("retry-after"), matches!(status, 429 | 503) && code != "unsettled");
        self.json["message"].as_str().unwrap().to_owned()
    }

    /// Checks that the answer is that no picture had a usable face.
    #[track_caller]
    pub fn no_face(self, skipped: &[(Option<&str>, &str)]) {
        assert_eq!(self.status, StatusCode::OK);
        let told: Vec<_> = self.json["meta"]["skipped"].as_array().unwrap().iter().map(skip_of).collect();
        assert_eq!(told, skipped);
        assert_eq!(self.json["success"], false);
        assert_eq!(self.json["message"], "No face detected !");
        assert_eq!(self.json["data"], Value::Null);
    }
}

/// The field and the reason of an entry of `meta.skipped`.
pub fn skip_of(entry: &Value) -> (Option<&str>, &str) {
    (entry["field"].as_str(), entry["reason"].as_str().unwrap())
}

pub async fn reply(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let json = response.json().await.unwrap();
    Reply { status, headers, json }
}

pub fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// The keys of an object, sorted.
#[track_caller]
pub fn keys_of(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where the models for tests are.
pub fn models_dir() -> PathBuf {
    std::env::var_os("VULTUS_MODELS_DIR").map_or_else(|| workspace().join("target/models"), PathBuf::from)
}

impl Own {
    fn new(database: Option<Database>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let command = Config::augment_args(clap::Command::new("test"));
        let mut config = Config::from_arg_matches(&command.get_matches_from(["test"])).unwrap();
        config.data = vultus::config::Data::under(dir.path(), &models_dir());
        config.data.database_url = database.as_ref().map(Database::url);
        if let Ok(url) = std::env::var("TEST_MILVUS_URL") {
            config.vectors.vectors = url.parse().unwrap();
        }
        Self { dir, database, config }
    }
}

/// A key of the test account for everything.
const ANY_KEY: NewKey<'_> = NewKey { account: "tests", name: "test", ..NewKey::ANY };

async fn mint(app: &App, new: &NewKey<'_>) -> String {
    keys::mint(&app.db, &app.keyring, new).await.unwrap().text
}
