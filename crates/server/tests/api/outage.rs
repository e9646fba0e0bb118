//! The database goes away and comes back. Only with `TEST_DATABASE=postgres`: a file does not go away.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Url;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::{TestApp, base64};
use crate::pictures::photo;

/// A way to the database that can fail.
struct Link {
    state: watch::Sender<State>,
    /// The address that it leads to.
    url: String,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Whole,
    /// Connections break, and new ones are closed at once.
    Cut,
    /// Connections stay and are made, and nothing comes through.
    Silent,
}

impl Link {
    /// Leads an address of a database over a link.
    fn lead(url: &mut String) -> Self {
        let mut through = Url::parse(url).unwrap();
        let target = format!("{}:{}", through.host_str().unwrap(), through.port().unwrap_or(5432));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let direct = url.clone();
        through.set_host(Some("127.0.0.1")).unwrap();
        through.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        *url = through.into();
        let (state, seen) = watch::channel(State::Whole);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), seen.clone()));
            }
        });
        Self { state, url: direct }
    }

    fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn carry(mut client: TcpStream, target: String, mut state: watch::Receiver<State>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let mut copying = pin!(copy_bidirectional(&mut client, &mut server));
    loop {
        let now = *state.borrow_and_update();
        tokio::select! {
            () = async {}, if now == State::Cut => return,
            _ = &mut copying, if now == State::Whole => return,
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}

/// A server whose database can go away.
async fn linked() -> Option<(TestApp, Link)> {
    let mut link = None;
    let app = TestApp::with(|config| link = config.data.database_url.as_mut().map(Link::lead)).await;
    Some((app, link?))
}

#[tokio::test]
async fn an_outage_is_told_and_over_by_itself() {
    let Some((app, link)) = linked().await else { return };
    let home = app.collection("Home").await;
    let person = json!({"img0": base64(&photo("biden")), "name": "Joe", "collection_id": home});
    let probe = json!({"img": base64(&photo("biden")), "collection_id": home});
    app.post("/v1/enroll", &person).await.ok();

    link.set(State::Cut);
    app.get("/healthz").await.ok();
    app.get("/readyz").await.problem(503, "database_unavailable");
    app.get("/v1/enroll").await.problem(503, "database_unavailable");
    app.post("/v1/enroll", &person).await.problem(503, "database_unavailable");
    app.post("/v1/identify", &probe).await.problem(503, "database_unavailable");

    link.set(State::Whole);
    app.get("/readyz").await.ok();
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["success"], true);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 1);
    app.post("/v1/enroll", &person).await.ok();
}

/// Keeps the writers of all accounts waiting until it is dropped.
async fn lock(url: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("begin; select 1 from accounts for update").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn a_database_that_hangs_is_told_in_time() {
    let Some((app, link)) = linked().await else { return };
    let home = json!({"name": "Home"});
    app.post("/v1/collection", &home).await.ok();
    let lock = lock(&link.url).await;
    let hanging = async {
        // The statement is on its way when the database hangs.
        tokio::time::sleep(Duration::from_secs(1)).await;
        link.set(State::Silent);
        let started = Instant::now();
        app.get("/readyz").await.problem(503, "database_unavailable");
        app.get("/v1/collection").await.problem(503, "database_unavailable");
        started.elapsed()
    };
    let started = Instant::now();
    let (reply, two_others) = tokio::join!(app.post("/v1/collection", &home), hanging);
    reply.problem(503, "database_unavailable");
    assert!(started.elapsed() < Duration::from_secs(15) && two_others < Duration::from_secs(15));

    lock.close().await.unwrap();
    link.set(State::Whole);
    app.get("/readyz").await.ok();
    app.post("/v1/collection", &home).await.ok();
    let all = app.get("/v1/collection").await.ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2, "what was answered 503 is not there");
}

#[tokio::test]
async fn a_statement_may_take_long_while_the_database_answers_others() {
    let Some((app, link)) = linked().await else { return };
    let lock = lock(&link.url).await;
    let waiting = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        lock.close().await.unwrap();
    };
    let body = json!({"name": "Home"});
    let (reply, ()) = tokio::join!(app.post("/v1/collection", &body), waiting);
    reply.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_enroll_is_half_applied_by_an_outage() {
    let Some((app, link)) = linked().await else { return };
    let home = app.collection("Home").await;
    let person = json!({"img0": base64(&photo("biden")), "img1": base64(&photo("biden")), "collection_id": home});
    let over = AtomicBool::new(false);
    let breaking = async {
        for pause_ms in [150, 170, 190, 210, 230, 250] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            link.set(State::Cut);
            tokio::time::sleep(Duration::from_millis(20)).await;
            link.set(State::Whole);
        }
        over.store(true, Ordering::Relaxed);
    };
    let enrolling = async {
        let mut acknowledged = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let reply = app.post("/v1/enroll", &person).await;
            if reply.status == 503 {
                reply.problem(503, "database_unavailable");
            } else {
                acknowledged.push(reply.ok()["data"]["enrollment_id"].clone());
            }
        }
        acknowledged
    };
    let ((), acknowledged) = tokio::join!(breaking, enrolling);
    let path = format!("/v1/enroll?collection_id={home}");
    let (all, members) = (app.get("/v1/enroll").await.ok(), app.get(&path).await.ok());
    assert_eq!(all["data"], members["data"], "everybody has joined");
    let stored = all["data"].as_array().unwrap();
    assert!(stored.iter().all(|one| one["embeddings"].as_array().is_some_and(|two| two.len() == 2)));
    let ids: Vec<&Value> = stored.iter().map(|one| &one["id"]).collect();
    assert!(
        !acknowledged.is_empty() && acknowledged.iter().all(|id| ids.contains(&id)),
        "what was acknowledged is there"
    );
}
