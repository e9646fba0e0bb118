//! The same searches on every engine: in memory on both databases, in the database where it is PostgreSQL, and in the Milvus
//! that `TEST_MILVUS_URL` names, if it does.

use tempfile::TempDir;
use vultus::app::new_id;
use vultus::clock::now_us;
use vultus::keyring::Keyring;
use vultus::model::Model;
use vultus::seal;
use vultus::search::{Memory, Milvus, Postgres, Space, VectorIndex};
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{self, Facts, FactsUpdate, NewEnrollment};
use vultus_store::{Db, Id, Kind, accounts, collections};

use crate::database::Database;

const MODEL: &str = "fr_feature";

/// An account of a database without a server.
pub struct World {
    pub db: Db,
    pub account: Id,
    /// The model of the embeddings.
    pub model: Model,
    dir: TempDir,
    _database: Option<Database>,
}

async fn on_each_engine(test: impl AsyncFn(&World, &dyn VectorIndex)) {
    let world = World::new(MODEL).await;
    let memory = Memory::new(world.db.clone(), keyring(), 10_000, world.dir.path().join("galleries"), 2);
    test(&world, &memory).await;
    if world.db.is_postgres() {
        test(&world, &Postgres::new(world.db.clone())).await;
    }
    if let Ok(url) = std::env::var("TEST_MILVUS_URL") {
        test(&world, &Milvus::new(world.db.clone(), &url, world.model.clone(), Milvus::PATIENCE).unwrap()).await;
    }
}

fn keyring() -> Keyring {
    Keyring::new(vec![7; 32], Vec::new())
}

/// A direction in the plane, as an embedding.
fn at(degrees: f32) -> Vec<f32> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [&[cos, sin], &[0.0; 14][..]].concat()
}

fn embedding(degrees: f32, model: &str) -> NewEmbedding {
    let (id, model, vector) = (new_id(Kind::Embedding).unwrap(), model.to_owned(), at(degrees));
    NewEmbedding { id, model, vector, quality: None }
}

impl World {
    pub async fn new(model: &str) -> Self {
        let (dir, database) = (tempfile::tempdir().unwrap(), Database::create().await);
        let file = format!("sqlite:{}", dir.path().join("vultus.db").display());
        let db = Db::connect(&database.as_ref().map_or(file, Database::url)).await.unwrap();
        let db = db.sealed_by(seal::sealer(&keyring()));
        let mut tx = db.write_unlocked().await.unwrap();
        let account =
            accounts::get_or_insert(&mut tx, new_id(Kind::Account).unwrap(), "tests", now_us()).await.unwrap().id;
        tx.commit().await.unwrap();
        let model = Model { name: model.to_owned(), dimension: 16 };
        Self { db, account, model, dir, _database: database }
    }

    pub async fn collection(&self) -> Id {
        let new = collections::NewCollection { id: new_id(Kind::Collection).unwrap(), name: "Home", unknowns: false };
        let mut tx = self.db.write(self.account).await.unwrap();
        collections::insert(&mut tx, self.account, &new, now_us()).await.unwrap();
        tx.commit().await.unwrap();
        new.id
    }

    pub async fn enroll(&self, collection: Id, degrees: &[f32]) -> Id {
        let new = NewEnrollment {
            id: new_id(Kind::Enrollment).unwrap(),
            facts: Facts { name: "Ada".into(), ..Facts::default() },
            collection_id: Some(collection),
            embeddings: degrees.iter().map(|degrees| embedding(*degrees, &self.model.name)).collect(),
        };
        let mut tx = self.db.write(self.account).await.unwrap();
        enrollments::insert(&mut tx, self.account, &new, now_us()).await.unwrap();
        tx.commit().await.unwrap();
        new.id
    }

    /// What is searched.
    pub fn space<'a>(&'a self, collection: Id, state: &'a collections::State) -> Space<'a> {
        let Model { name, dimension } = &self.model;
        Space { account: self.account, collection, state, model: name, dimension: *dimension }
    }

    pub async fn search(
        &self,
        engine: &dyn VectorIndex,
        collection: Id,
        degrees: &[f32],
        limit: usize,
    ) -> Vec<Vec<(Id, f32)>> {
        let state = collections::state(&self.db, self.account, collection).await.unwrap();
        let space = self.space(collection, &state);
        let probes = degrees.iter().map(|degrees| at(*degrees)).collect();
        let found = engine.search(space, probes, limit).await.unwrap();
        found.into_iter().map(|hits| hits.into_iter().map(|hit| (hit.enrollment, hit.cosine)).collect()).collect()
    }

    /// Who is found, as an identification reports it: those whom the store still has.
    pub async fn found(&self, engine: &dyn VectorIndex, collection: Id, degrees: f32) -> Vec<Id> {
        let hits = self.search(engine, collection, &[degrees], 10).await.remove(0);
        let ids: Vec<Id> = hits.into_iter().map(|(id, _)| id).collect();
        let members = collections::members(&self.db, self.account, collection, &self.model.name, &ids).await.unwrap();
        members.into_iter().map(|member| member.id).collect()
    }
}

#[tokio::test]
async fn members_are_found_by_their_best_embedding_best_first() {
    on_each_engine(async |world, engine| {
        let home = world.collection().await;
        let ada = world.enroll(home, &[0.0, 50.0]).await;
        let bob = world.enroll(home, &[20.0]).await;
        let eve = world.enroll(home, &[90.0]).await;
        let found = world.search(engine, home, &[5.0, 80.0], 2).await;
        let expected = [[(ada, 5.0_f32), (bob, 15.0)], [(eve, 10.0), (ada, 30.0)]];
        for (hits, expected) in found.iter().zip(expected) {
            assert_eq!(hits.len(), 2);
            for ((id, cosine), (expected, degrees)) in hits.iter().zip(expected) {
                assert_eq!(*id, expected);
                assert!((cosine - degrees.to_radians().cos()).abs() < 5e-3, "{cosine} at {degrees} degrees");
            }
        }
        assert_eq!((found.len(), world.search(engine, home, &[0.0], 10).await[0].len()), (2, 3));
    })
    .await;
}

#[tokio::test]
async fn what_was_added_is_found_at_once_and_what_was_removed_is_not() {
    on_each_engine(async |world, engine| {
        let (db, account) = (&world.db, world.account);
        let (home, work) = (world.collection().await, world.collection().await);
        assert!(world.found(engine, home, 60.0).await.is_empty());
        let ada = world.enroll(home, &[0.0]).await;
        assert_eq!(world.found(engine, home, 60.0).await, [ada]);
        let bob = world.enroll(home, &[40.0]).await;
        assert_eq!(world.found(engine, home, 60.0).await, [bob, ada]);
        let mut tx = db.write(account).await.unwrap();
        enrollments::extend(&mut tx, account, ada, &[embedding(70.0, MODEL)], &FactsUpdate::default(), 10, now_us())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.found(engine, home, 60.0).await, [ada, bob]);
        let mut tx = db.write(account).await.unwrap();
        collections::add_member(&mut tx, account, work, ada, now_us()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.found(engine, work, 60.0).await, [ada]);
        let mut tx = db.write(account).await.unwrap();
        collections::remove_member(&mut tx, account, home, ada, now_us()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            (world.found(engine, home, 60.0).await, world.found(engine, work, 60.0).await),
            (vec![bob], vec![ada])
        );
        let mut tx = db.write(account).await.unwrap();
        enrollments::delete(&mut tx, account, bob, now_us()).await.unwrap();
        tx.commit().await.unwrap();
        engine.remove_person(account, bob, &[home]).await.unwrap();
        assert!(world.found(engine, home, 60.0).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn embeddings_of_other_models_are_not_compared() {
    on_each_engine(async |world, engine| {
        let home = world.collection().await;
        let ada = world.enroll(home, &[80.0]).await;
        let other = [embedding(0.0, "another")];
        let mut tx = world.db.write(world.account).await.unwrap();
        enrollments::extend(&mut tx, world.account, ada, &other, &FactsUpdate::default(), 10, now_us()).await.unwrap();
        tx.commit().await.unwrap();
        let [(id, cosine)] = world.search(engine, home, &[0.0], 10).await[0][..] else { panic!("one person") };
        assert!(id == ada && cosine < 0.2, "{cosine}");
    })
    .await;
}
