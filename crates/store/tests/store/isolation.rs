//! No function shows or changes anything of another account, nor does it tell that something was there.

use vultus_store::enrollments::Filter;
use vultus_store::keys::NewApiKey;
use vultus_store::snapshots::NewSnapshot;
use vultus_store::{Id, Kind, collections, embeddings, enrollments, jobs, keys, snapshots};

use crate::world::{MAX, World, append, assert_fails, embedding, enrollment, new_id, now, on_each_database, written};

#[tokio::test]
async fn another_account_can_read_nothing() {
    on_each_database(async |world| {
        let (db, stranger) = (&world.db, world.stranger);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, Some(home)).await;
        let snapshot = store_snapshot(&world).await;

        assert_fails!(enrollments::by_id(db, stranger, ada).await, NotFound, Enrollment, ada);
        assert_fails!(embeddings::list(db, stranger, ada).await, NotFound, Enrollment, ada);
        assert_fails!(collections::by_id(db, stranger, home).await, NotFound, Collection, home);
        assert_fails!(collections::state(db, stranger, home).await, NotFound, Collection, home);
        assert_fails!(collections::Reader::open(db, stranger, home).await.map(drop), NotFound, Collection, home);
        assert_fails!(snapshots::by_id(db, stranger, snapshot).await, NotFound, Snapshot, snapshot);

        assert!(enrollments::list(db, stranger, &Filter::default()).await.unwrap().items.is_empty());
        let named = Filter { name: Some("Ada"), ..Filter::default() };
        assert!(enrollments::list(db, stranger, &named).await.unwrap().items.is_empty());
        let members = Filter { collection_id: Some(home), ..Filter::default() };
        assert_fails!(enrollments::list(db, stranger, &members).await, NotFound, Collection, home);
        assert!(collections::list(db, stranger, &collections::Filter::default()).await.unwrap().items.is_empty());
        assert!(keys::list(db, Some(stranger)).await.unwrap().is_empty());
        assert_eq!(enrollments::count(db, stranger).await.unwrap(), 0);
        assert_eq!(keys::count(db, Some(stranger)).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn another_account_can_change_nothing() {
    on_each_database(async |world| {
        let (db, stranger) = (&world.db, world.stranger);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, Some(home)).await;
        let bob = world.enroll("Bob", 1, None).await;
        let key = new_id(Kind::Key);
        let new_key = NewApiKey {
            id: key,
            hash: b"hash",
            name: "test",
            scopes: "all",
            test: false,
            answers: "object",
            expires: None,
        };
        written!(db, world.account, keys::insert(&new_key, now())).await.unwrap();
        let before = everything(&world).await;

        let theirs = enrollment("Eve", 1, Some(home));
        assert_fails!(written!(db, stranger, enrollments::insert(&theirs, now())).await, NotFound, Collection, home);
        let more = [embedding(9.0)];
        assert_fails!(append(db, stranger, ada, &more, MAX).await, NotFound, Enrollment, ada);
        assert_fails!(
            written!(db, stranger, collections::add_member(home, bob, now())).await,
            NotFound,
            Collection,
            home
        );
        assert_fails!(written!(db, stranger, enrollments::delete(ada, now())).await, NotFound, Enrollment, ada);
        assert_fails!(written!(db, stranger, jobs::fit_soon(home, 0)).await, NotFound, Collection, home);
        assert_fails!(written!(db, stranger, collections::delete(home, now())).await, NotFound, Collection, home);
        assert_fails!(written!(db, stranger, keys::revoke(key, now())).await, NotFound, Key, key);
        // A collection of their own cannot take in a person of ours.
        let own = collections::NewCollection { id: new_id(Kind::Collection), name: "Own", unknowns: false };
        written!(db, stranger, collections::insert(&own, now())).await.unwrap();
        assert_fails!(
            written!(db, stranger, collections::add_member(own.id, ada, now())).await,
            NotFound,
            Enrollment,
            ada
        );

        assert_eq!(everything(&world).await, before);
        assert_eq!(enrollments::count(db, stranger).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn another_account_does_not_learn_that_something_was_deleted() {
    on_each_database(async |world| {
        let (db, account, stranger) = (&world.db, world.account, world.stranger);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, Some(home)).await;
        written!(db, account, enrollments::delete(ada, now())).await.unwrap();
        written!(db, account, collections::delete(home, now())).await.unwrap();
        assert_fails!(enrollments::by_id(db, stranger, ada).await, NotFound, Enrollment, ada);
        assert_fails!(written!(db, stranger, enrollments::delete(ada, now())).await, NotFound, Enrollment, ada);
        assert_fails!(collections::by_id(db, stranger, home).await, NotFound, Collection, home);
    })
    .await;
}

async fn store_snapshot(world: &World) -> Id {
    let new = NewSnapshot { id: new_id(Kind::Snapshot), class: "fake", score: 0.578_873 };
    let created = now();
    written!(world.db, world.account, snapshots::insert(&new, created)).await.unwrap();
    let stored = snapshots::by_id(&world.db, world.account, new.id).await.unwrap();
    assert_eq!((stored.class.as_str(), stored.score, stored.created), ("fake", 0.578_873, created));
    new.id
}

/// All that the account can see, as one value to compare.
async fn everything(world: &World) -> String {
    let (db, account) = (&world.db, world.account);
    let people = enrollments::list(db, account, &Filter::default()).await.unwrap();
    let groups = collections::list(db, account, &collections::Filter::default()).await.unwrap();
    let mut vectors = Vec::new();
    for person in &people.items {
        vectors.push(embeddings::list(db, account, person.id).await.unwrap());
    }
    let keys = keys::list(db, Some(account)).await.unwrap();
    format!("{people:?} {groups:?} {vectors:?} {keys:?}")
}
