//! Vector search in PostgreSQL.

use sqlx::{Connection as _, PgConnection};
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{Facts, NewEnrollment};
use vultus_store::{Id, Kind, collections, enrollments, vectors};

use crate::statements::statements;
use crate::world::{MAX, MODEL, World, append, new_id, now, on_postgres, written};

/// A direction in the plane, as an embedding of 8 values that are not normalised.
fn at(degrees: f32, model: &str) -> NewEmbedding {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let mut vector = vec![0.0; 8];
    vector[..2].copy_from_slice(&[3.0 * cos, 3.0 * sin]);
    NewEmbedding { id: new_id(Kind::Embedding), model: model.into(), vector, quality: None }
}

async fn enroll(world: &World, collection: Id, degrees: &[f32]) -> Id {
    let embeddings = degrees.iter().map(|degrees| at(*degrees, MODEL)).collect();
    let new = NewEnrollment {
        id: new_id(Kind::Enrollment),
        facts: Facts { name: "Ada".into(), ..Facts::default() },
        collection_id: Some(collection),
        embeddings,
    };
    written!(world.db, world.account, enrollments::insert(&new, now())).await.unwrap();
    new.id
}

async fn search(world: &World, account: Id, collection: Id, degrees: f32, limit: usize) -> Vec<(Id, f32)> {
    let probe = at(degrees, MODEL).vector;
    vectors::search(&world.db, account, collection, MODEL, &probe, limit, vectors::breadth(0)).await.unwrap()
}

async fn found(world: &World, collection: Id, degrees: f32) -> Vec<Id> {
    search(world, world.account, collection, degrees, 10).await.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn people_are_found_by_their_best_embedding_best_first() {
    on_postgres(async |world| {
        let home = world.collection("Home").await;
        let ada = enroll(&world, home, &[0.0, 50.0]).await;
        let bob = enroll(&world, home, &[20.0]).await;
        let eve = enroll(&world, home, &[90.0]).await;
        let all = search(&world, world.account, home, 5.0, 10).await;
        for ((id, cosine), (expected, degrees)) in all.iter().zip([(ada, 5.0_f32), (bob, 15.0), (eve, 85.0)]) {
            assert_eq!(*id, expected);
            assert!((cosine - degrees.to_radians().cos()).abs() < 2e-3, "{cosine} at {degrees} degrees");
        }
        assert_eq!(all.len(), 3);
        assert_eq!(search(&world, world.account, home, 5.0, 2).await, all[..2]);
        assert!(search(&world, world.stranger, home, 5.0, 10).await.is_empty());
    })
    .await;
}

/// A vector is not read back to be sent again, and not sent once for each collection.
#[tokio::test]
async fn what_is_enrolled_is_added_to_the_search_in_one_statement_for_each_embedding() {
    on_postgres(async |world| {
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        let mut ada = world.account;
        let enrolling = statements(async { ada = enroll(&world, home, &[0.0, 50.0, 70.0]).await }).await;
        written!(world.db, world.account, collections::add_member(work, ada, now())).await.unwrap();
        let adding =
            statements(async { append(&world.db, world.account, ada, &[at(90.0, MODEL)], MAX).await.unwrap() }).await;
        for (statements, embeddings) in [(enrolling, 3), (adding, 1)] {
            let count = |start| statements.iter().filter(|statement| statement.starts_with(start)).count();
            assert_eq!(count("insert into vectors"), embeddings);
            assert_eq!(count("select m.collection_id, b.id"), 0, "no vector is read back");
        }
        for collection in [home, work] {
            assert_eq!(search(&world, world.account, collection, 90.0, 1).await.len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn every_change_is_seen_by_the_next_search() {
    on_postgres(async |world| {
        let (db, account) = (&world.db, world.account);
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        let ada = enroll(&world, home, &[0.0]).await;
        let bob = enroll(&world, home, &[40.0]).await;
        assert_eq!(found(&world, home, 60.0).await, [bob, ada]);
        append(db, account, ada, &[at(70.0, MODEL)], MAX).await.unwrap();
        assert_eq!(found(&world, home, 60.0).await, [ada, bob]);
        assert!(found(&world, work, 60.0).await.is_empty());
        written!(db, account, collections::add_member(work, ada, now())).await.unwrap();
        assert_eq!(search(&world, account, work, 60.0, 10).await, search(&world, account, home, 60.0, 1).await);
        written!(db, account, enrollments::delete(bob, now())).await.unwrap();
        assert_eq!(found(&world, home, 60.0).await, [ada]);
        written!(db, account, collections::delete(home, now())).await.unwrap();
        assert!(found(&world, home, 60.0).await.is_empty());
        assert_eq!(found(&world, work, 60.0).await, [ada]);
    })
    .await;
}

#[tokio::test]
async fn embeddings_of_other_models_and_dimensions_are_left_out() {
    on_postgres(async |world| {
        let home = world.collection("Home").await;
        let ada = enroll(&world, home, &[80.0]).await;
        let mut short = at(0.0, MODEL);
        short.vector.truncate(4);
        let other = [at(0.0, "another"), short];
        append(&world.db, world.account, ada, &other, MAX).await.unwrap();
        let [(id, cosine)] = search(&world, world.account, home, 0.0, 10).await[..] else { panic!("one person") };
        assert!(id == ada && cosine < 0.2, "{cosine}");
    })
    .await;
}

#[tokio::test]
async fn somebody_with_many_embeddings_does_not_hide_others() {
    on_postgres(async |world| {
        let home = world.collection("Home").await;
        let ada = enroll(&world, home, &[1.0; 90]).await;
        let bob = enroll(&world, home, &[30.0]).await;
        let two: Vec<Id> = search(&world, world.account, home, 0.0, 2).await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(two, [ada, bob]);
    })
    .await;
}

/// Somebody's photos: a direction for the person, and noise. The cosine of two of them is 0.67 on average, as with faces.
fn photos(person: usize, count: usize) -> Vec<NewEmbedding> {
    // The mixing steps of SplitMix64.
    let hash = |of: usize| {
        let mut bits = (of as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let value = |of: usize| (hash(of) >> 40) as f32 / (1 << 23) as f32 - 1.0;
    let vector = |photo: usize| {
        (0..128).map(move |at| value(person << 14 | at) + 0.7 * value(person << 14 | (photo + 1) << 7 | at))
    };
    (0..count).map(|photo| NewEmbedding { vector: vector(photo).collect(), ..at(0.0, MODEL) }).collect()
}

#[tokio::test]
async fn large_collections_are_indexed_and_searched_by_the_index() {
    on_postgres(async |world| {
        let (db, account) = (&world.db, world.account);
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        let each = 40;
        let people = vectors::INDEX_FROM as usize / each + 1;
        let join = async |person: usize, collection: Id| {
            let (id, embeddings) = (new_id(Kind::Enrollment), photos(person, each));
            let new = NewEnrollment {
                id,
                facts: Facts { name: "Ada".into(), ..Facts::default() },
                collection_id: Some(collection),
                embeddings,
            };
            written!(db, account, enrollments::insert(&new, now())).await.unwrap();
            id
        };
        let two = async |person: usize, collection: Id| {
            let probe = photos(person, each + 1).pop().unwrap().vector;
            let found = vectors::search(db, account, collection, MODEL, &probe, 2, vectors::breadth(0)).await.unwrap();
            found.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        let eve = join(people, work).await;
        assert!(!vectors::maintain(db).await.unwrap(), "nothing to do for small collections");
        let mut ids = Vec::new();
        for person in 0..people {
            ids.push(join(person, home).await);
        }
        assert!(vectors::maintain(db).await.unwrap());
        assert!(!vectors::maintain(db).await.unwrap(), "once is enough");
        for (person, id) in ids.iter().enumerate() {
            let found = two(person, home).await;
            assert_eq!((found.len(), found[0]), (2, *id));
        }
        assert_eq!(two(0, work).await, [eve]);
        written!(db, account, enrollments::delete(ids[7], now())).await.unwrap();
        assert!(!two(7, home).await.contains(&ids[7]));
        ids[7] = join(7, home).await;
        assert_eq!(two(7, home).await[0], ids[7], "an index is up to date at once");
        written!(db, account, collections::delete(home, now())).await.unwrap();
        assert!(vectors::maintain(db).await.unwrap(), "the index goes with its collection");
        assert!(!vectors::maintain(db).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_is_reported_and_made_again() {
    on_postgres(async |world| {
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        let ada = enroll(&world, home, &[0.0, 50.0]).await;
        let bob = enroll(&world, home, &[20.0]).await;
        written!(world.db, world.account, collections::add_member(work, ada, now())).await.unwrap();
        let check = async || vectors::check(&world.db).await.unwrap().unwrap();
        assert_eq!(check().await, vectors::Coverage { expected: 5, missing: 0 });
        let before = search(&world, world.account, home, 5.0, 10).await;

        let mut admin = PgConnection::connect(&world.url).await.unwrap();
        let damage = "delete from vectors where ctid in (select ctid from vectors limit 2); \
                      update vectors set model = 'another' where ctid = (select ctid from vectors limit 1)";
        sqlx::raw_sql(damage).execute(&mut admin).await.unwrap();
        assert_eq!(check().await, vectors::Coverage { expected: 5, missing: 3 });
        assert_eq!(vectors::rebuild(&world.db).await.unwrap(), Some(2));
        assert_eq!(check().await, vectors::Coverage { expected: 5, missing: 0 });
        assert_eq!(search(&world, world.account, home, 5.0, 10).await, before);
        assert_eq!((found(&world, home, 20.0).await[0], found(&world, work, 20.0).await), (bob, vec![ada]));
    })
    .await;
}
