//! What is particular to Milvus: it is another server, which can be away, and lose or keep what it should not. Only with
//! `TEST_MILVUS_URL` (`make test-milvus`); the searches are tested with those of the other engines.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use vultus::clock::now_us;
use vultus::search::Error;
use vultus::search::{Milvus, VectorIndex};
use vultus_milvus::{Client, Row, Table};
use vultus_store::collections::CollectionKey;
use vultus_store::cursors::{Cursor, Cursors};
use vultus_store::{collections, enrollments};

use crate::app::{TestApp, base64};
use crate::link::{Link, State};
use crate::pictures::photo;
use crate::vectors::World;

/// A database, and a table of its own in Milvus at the end of a link.
struct Beside {
    world: World,
    milvus: Milvus,
    link: Link,
    /// Milvus without the link, and the name of the table.
    client: Client,
    name: String,
}

fn milvus_url() -> String {
    std::env::var("TEST_MILVUS_URL").expect("TEST_MILVUS_URL names a Milvus")
}

impl Beside {
    /// An installation whose model has this name, and which has no patience with the tables of others.
    async fn new(model: &str) -> Self {
        let mut url = milvus_url();
        let world = World::new(model).await;
        let client = Client::new(&url).unwrap();
        let link = Link::lead(&mut url);
        let milvus = Milvus::new(world.db.clone(), &url, world.model.clone(), Duration::ZERO).unwrap();
        let installation = Cursors::of(&world.db).unwrap().installation().await.unwrap();
        let name = format!("vultus_{installation}_v1_{model}_{}", world.model.dimension);
        Self { world, milvus, link, client, name }
    }

    /// The table as somebody else sees it.
    async fn table(&self) -> Table {
        Table::open(&self.client, &self.name, self.world.model.dimension).await.unwrap()
    }

    /// Embeddings expected, missing and surplus.
    async fn check(&self) -> (u64, u64, u64) {
        let check = self.milvus.check().await.unwrap().unwrap();
        (check.expected, check.missing, check.surplus)
    }
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn while_milvus_is_away_identify_is_reported_so_and_deletions_are_made_up_for() {
    let beside = Beside::new("away").await;
    let Beside { world, milvus, link, .. } = &beside;
    let (home, work) = (world.collection().await, world.collection().await);
    let (ada, bob) = (world.enroll(home, &[0.0]).await, world.enroll(home, &[50.0]).await);
    let eve = world.enroll(work, &[0.0]).await;
    assert_eq!(world.found(milvus, home, 0.0).await, [ada, bob]);
    assert_eq!(world.found(milvus, work, 0.0).await, [eve]);

    link.set(State::Cut);
    let state = collections::state(&world.db, world.account, home).await.unwrap();
    let failed = milvus.search(world.space(home, &state), vec![vec![0.25; 16]], 1).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    let mut tx = world.db.write(world.account).await.unwrap();
    enrollments::delete(&mut tx, world.account, ada, now_us()).await.unwrap();
    tx.commit().await.unwrap();
    milvus.remove_person(world.account, ada, &[home]).await.unwrap();
    let mut tx = world.db.write(world.account).await.unwrap();
    collections::delete(&mut tx, world.account, work, now_us()).await.unwrap();
    tx.commit().await.unwrap();
    milvus.remove_collection(world.account, work).await.unwrap();

    link.set(State::Whole);
    let now = beside.table().await.now().await.unwrap();
    let kept = |of: vultus_store::Id| format!("{of}/");
    let first = beside.table().await.first_key(&kept(work), now).await.unwrap();
    assert!(first.is_some_and(|key| key.starts_with(&kept(work))), "Milvus still has it");
    milvus.maintain().await.unwrap();
    assert_eq!(beside.check().await, (1, 0, 0));
    assert_eq!(world.found(milvus, home, 0.0).await, [bob]);
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn a_milvus_that_hangs_is_reported_in_time() {
    let beside = Beside::new("hangs").await;
    let Beside { world, milvus, link, .. } = &beside;
    let home = world.collection().await;
    let ada = world.enroll(home, &[0.0]).await;
    assert_eq!(world.found(milvus, home, 0.0).await, [ada]);
    link.set(State::Silent);
    let state = collections::state(&world.db, world.account, home).await.unwrap();
    let failed = milvus.search(world.space(home, &state), vec![vec![0.25; 16]], 1).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    link.set(State::Whole);
    assert_eq!(world.found(milvus, home, 0.0).await, [ada]);
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn what_milvus_lost_or_has_too_much_is_reported_and_made_again() {
    let beside = Beside::new("repair").await;
    let Beside { world, milvus, .. } = &beside;
    let home = world.collection().await;
    let ada = world.enroll(home, &[0.0, 10.0]).await;
    let bob = world.enroll(home, &[50.0]).await;
    assert_eq!(world.found(milvus, home, 0.0).await, [ada, bob]);
    assert_eq!(beside.check().await, (3, 0, 0));

    let (table, space) = (beside.table().await, home.to_string());
    let all = [format!("{home}/")..format!("{home}0")];
    let there = table.keys(&space, &all, table.now().await.unwrap()).await.unwrap();
    let of_bob = there.iter().find(|key| key.contains(&bob.to_string())).unwrap().clone();
    table.remove(&[of_bob]).await.unwrap();
    let strange = |space: &str| Row { key: format!("{space}/{bob}/{ada}"), vector: vec![0.25; 16] };
    table.insert(&space, vec![strange(&space)]).await.unwrap();
    let nobody = world.account.to_string();
    table.insert(&nobody, vec![strange(&nobody)]).await.unwrap();
    assert_eq!(beside.check().await, (3, 1, 2));
    assert_eq!(milvus.rebuild().await.unwrap(), Some(2));
    assert_eq!(beside.check().await, (3, 0, 0));
    assert_eq!(world.found(milvus, home, 50.0).await, [bob, ada]);
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn a_milvus_that_lost_everything_is_filled_again() {
    let beside = Beside::new("lost").await;
    let Beside { world, milvus, client, name, .. } = &beside;
    let home = world.collection().await;
    let ada = world.enroll(home, &[0.0]).await;
    assert_eq!(world.found(milvus, home, 0.0).await, [ada]);
    Table::drop(client, name).await.unwrap();
    let state = collections::state(&world.db, world.account, home).await.unwrap();
    let failed = milvus.search(world.space(home, &state), vec![vec![0.25; 16]], 1).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert_eq!(world.found(milvus, home, 0.0).await, [ada], "at the next try");
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn the_table_of_another_model_stays_while_servers_use_it_and_goes_when_none_does() {
    let old = Beside::new("old_model").await;
    let home = old.world.collection().await;
    let ada = old.world.enroll(home, &[0.0]).await;
    old.world.enroll(home, &[50.0]).await;
    assert_eq!(old.world.found(&old.milvus, home, 0.0).await.len(), 2);

    let model = vultus::model::Model { name: "new_model".to_owned(), dimension: 16 };
    let new = Milvus::new(old.world.db.clone(), &milvus_url(), model.clone(), Duration::ZERO).unwrap();
    new.maintain().await.unwrap();
    assert!(Table::find(&old.client, &old.name).await.unwrap().is_some(), "servers with the old model may run");

    let mut tx = old.world.db.write(old.world.account).await.unwrap();
    enrollments::delete(&mut tx, old.world.account, ada, now_us()).await.unwrap();
    tx.commit().await.unwrap();
    let patient = Milvus::new(old.world.db.clone(), &milvus_url(), model, Milvus::PATIENCE).unwrap();
    patient.maintain().await.unwrap();
    old.milvus.maintain().await.unwrap();
    new.maintain().await.unwrap();
    assert!(Table::find(&old.client, &old.name).await.unwrap().is_some(), "they do run");

    old.world.enroll(home, &[70.0]).await;
    new.maintain().await.unwrap();
    assert_eq!(Table::find(&old.client, &old.name).await.unwrap(), None, "nobody brings it up to date");
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn installations_in_one_milvus_leave_each_other_alone() {
    let (ours, theirs) = (Beside::new("shared").await, Beside::new("shared").await);
    let (our_home, their_home) = (ours.world.collection().await, theirs.world.collection().await);
    let (ada, eve) = (ours.world.enroll(our_home, &[0.0]).await, theirs.world.enroll(their_home, &[0.0]).await);
    assert_eq!(ours.world.found(&ours.milvus, our_home, 0.0).await, [ada]);
    assert_eq!(theirs.world.found(&theirs.milvus, their_home, 0.0).await, [eve]);
    ours.milvus.maintain().await.unwrap();
    assert_eq!(ours.check().await, (1, 0, 0), "what is theirs is no surplus");
    assert_eq!(ours.milvus.rebuild().await.unwrap(), Some(1));
    assert_eq!(theirs.check().await, (1, 0, 0));
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn a_table_of_before_installations_had_names_loses_our_rows_only() {
    let beside = Beside::new("before").await;
    let Beside { world, milvus, client, .. } = &beside;
    let home = world.collection().await;
    let name = format!("vultus_of_all_{home}_16").replace('-', "_");
    let table = Table::open(client, &name, 16).await.unwrap();
    let row = |space: &str| Row { key: format!("{space}/x/y"), vector: vec![0.25; 16] };
    let (ours, theirs) = (home.to_string(), world.account.to_string());
    table.insert(&ours, vec![row(&ours)]).await.unwrap();
    table.insert(&theirs, vec![row(&theirs)]).await.unwrap();
    let cursors = Cursors::of(&world.db).unwrap();
    let of = CollectionKey { account: world.account, collection: home };
    let held = cursors.hold(of, &format!("{name}#{}", table.id)).await.unwrap();
    held.begin().await.unwrap();
    held.save(Cursor { version: -1, changed: 0, written: 1 }).await.unwrap();

    milvus.maintain().await.unwrap();
    let now = table.now().await.unwrap();
    assert_eq!(table.first_key("", now).await.unwrap(), Some(format!("{theirs}/x/y")));
    Table::drop(client, &name).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn an_outage_of_milvus_is_reported_over_http() {
    let mut url = milvus_url();
    let link = Link::lead(&mut url);
    let app = TestApp::with(|config| config.vectors.vectors = url.parse().unwrap()).await;
    let home = app.collection("Home").await;
    let joe = app.enroll("Joe", &photo("biden")).await;
    app.join(&joe, &home).await;
    let probe = json!({"img": base64(&photo("biden")), "collection_id": home});
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["key"], joe);

    link.set(State::Cut);
    let message = app.post("/v1/identify", &probe).await.problem(503, "service_unavailable");
    assert!(message.contains("vector engine"), "{message}");
    app.get("/v1/enroll").await.ok();
    app.json(Method::DELETE, "/v1/enroll", &json!({"enrollment_id": joe})).await.ok();

    link.set(State::Whole);
    assert_eq!(app.post("/v1/identify", &probe).await.ok()["data"]["key"], json!(null));
}
