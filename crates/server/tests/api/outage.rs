//! The database goes away and comes back. Only with `TEST_DATABASE=postgres`: a file does not go away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Url;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::{TestApp, base64};
use crate::pictures::photo;

/// A way to the database that can be cut: connections break, and new ones are closed at once.
struct Link {
    whole: watch::Sender<bool>,
}

impl Link {
    /// Leads an address of a database over a link.
    fn lead(url: &mut String) -> Self {
        let mut through = Url::parse(url).unwrap();
        let target = format!("{}:{}", through.host_str().unwrap(), through.port().unwrap_or(5432));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        through.set_host(Some("127.0.0.1")).unwrap();
        through.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        *url = through.into();
        let (whole, state) = watch::channel(true);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), state.clone()));
            }
        });
        Self { whole }
    }

    fn cut(&self) {
        self.whole.send_replace(false);
    }

    fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, target: String, mut state: watch::Receiver<bool>) {
    if !*state.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = state.wait_for(|whole| !whole) => {}
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

    link.cut();
    app.get("/healthz").await.ok();
    app.get("/readyz").await.problem(503, "database_unavailable");
    app.get("/v1/enroll").await.problem(503, "database_unavailable");
    app.post("/v1/enroll", &person).await.problem(503, "database_unavailable");
    app.post("/v1/identify", &probe).await.problem(503, "database_unavailable");

    link.mend();
    app.get("/readyz").await.ok();
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["success"], true);
    assert_eq!(app.get("/v1/enroll").await.ok()["data"].as_array().unwrap().len(), 1);
    app.post("/v1/enroll", &person).await.ok();
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
            link.cut();
            tokio::time::sleep(Duration::from_millis(20)).await;
            link.mend();
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
