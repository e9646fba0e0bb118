//! What is particular to Milvus: it is another server, which can be away, and lose or keep what it should not. Only with
//! `TEST_MILVUS_URL` (`make test-milvus`); the searches are tested with those of the other engines.

use reqwest::Method;
use serde_json::json;
use vultus::clock::now_us;
use vultus::search::Error;
use vultus::search::{Milvus, VectorIndex};
use vultus_milvus::{Client, Row, Table};
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
    /// The table belongs to the test of this name.
    async fn new(test: &str) -> Self {
        let mut url = milvus_url();
        let world = World::new(test).await;
        let client = Client::new(&url).unwrap();
        let link = Link::lead(&mut url);
        let milvus = Milvus::new(world.db.clone(), &url, world.model.clone()).unwrap();
        let name = format!("vultus_{test}_{}", world.model.dimension);
        Table::drop(&client, &name).await.unwrap();
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
async fn while_milvus_is_away_identify_is_told_so_and_deletions_are_made_up_for() {
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
async fn a_milvus_that_hangs_is_told_in_time() {
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
async fn what_milvus_lost_or_has_too_much_is_told_and_made_anew() {
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
async fn the_table_of_a_model_that_is_in_use_no_more_goes() {
    let old = Beside::new("old_model").await;
    let home = old.world.collection().await;
    old.world.enroll(home, &[0.0]).await;
    assert_eq!(old.world.found(&old.milvus, home, 0.0).await.len(), 1);
    let before = old.table().await.id;

    let model = vultus::model::Model { name: "new_model".to_owned(), dimension: 16 };
    let url = milvus_url();
    let new = Milvus::new(old.world.db.clone(), &url, model).unwrap();
    new.maintain().await.unwrap();
    assert_ne!(old.table().await.id, before, "it had to be made anew");
}

#[tokio::test]
#[ignore = "needs Milvus: make test-milvus"]
async fn an_outage_of_milvus_is_told_over_http() {
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
