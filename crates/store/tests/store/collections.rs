use std::collections::BTreeSet;

use vultus_store::collections::{
    Filter, MemberReader, Reader, State, add_member, by_id, changes, delete, list, members, remove_member, state,
};
use vultus_store::enrollments::{Facts, FactsUpdate};
use vultus_store::{Id, Kind, collections, embeddings, enrollments};

use crate::world::{MAX, MODEL, append, assert_fails, embedding, new_id, now, on_each_database, written};

#[tokio::test]
async fn the_version_grows_with_every_change_an_identification_would_see_and_with_no_other() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        assert_eq!((world.version(home).await, world.version(work).await), (1, 1));

        let ada = world.enroll("Ada", 1, Some(home)).await;
        assert_eq!((world.version(home).await, world.version(work).await), (2, 1));
        assert!(written!(db, account, add_member(work, ada, now())).await.unwrap());
        assert_eq!((world.version(home).await, world.version(work).await), (2, 2));
        assert!(!written!(db, account, add_member(work, ada, now())).await.unwrap(), "was a member before");
        assert_eq!((world.version(home).await, world.version(work).await), (2, 2));

        append(db, account, ada, &[embedding(1.0)], MAX).await.unwrap();
        assert_eq!((world.version(home).await, world.version(work).await), (3, 3));
        world.enroll("Bob", 1, None).await;
        assert!(append(db, account, ada, &[embedding(1.0)], 2).await.is_err());
        assert_eq!((world.version(home).await, world.version(work).await), (3, 3));

        let later = now();
        let deleted = written!(db, account, enrollments::delete(ada, later)).await.unwrap();
        assert_eq!(deleted.collections.len(), 2);
        assert_eq!((world.version(home).await, world.version(work).await), (4, 4));
        assert_eq!(by_id(db, account, home).await.unwrap().updated, later);
    })
    .await;
}

#[tokio::test]
async fn the_gallery_holds_every_embedding_of_every_member() {
    on_each_database(async |world| {
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        let ada = world.enroll("Ada", 2, Some(home)).await;
        let bob = world.enroll("Bob", 1, Some(home)).await;
        world.enroll("Eve", 1, Some(work)).await;
        world.enroll("Nobody's", 1, None).await;

        let (version, all) = world.gallery(home).await;
        assert_eq!(version, world.version(home).await);
        let rows: Vec<_> = all.iter().map(|row| (row.enrollment_id, row.vector[0])).collect();
        assert_eq!(rows, [(ada, 0.0), (ada, 1.0), (bob, 0.0)]);
        assert!(all.iter().all(|row| row.model == MODEL && row.vector.len() == 8));
        let stored = embeddings::list(&world.db, world.account, ada).await.unwrap();
        assert_eq!(all[1].embedding_id, stored[1].id);
    })
    .await;
}

#[tokio::test]
async fn a_collection_lists_its_members_in_the_order_they_joined() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        let empty = world.collection("Empty").await;
        let (ada, bob) = (world.enroll("Ada", 2, None).await, world.enroll("Bob", 1, None).await);
        written!(world.db, world.account, add_member(home, bob, now())).await.unwrap();
        written!(world.db, world.account, add_member(home, ada, now())).await.unwrap();

        let listed = list(&world.db, world.account, &Filter::default()).await.unwrap().items;
        assert_eq!(listed.len(), 2);
        assert_eq!((listed[0].id, listed[0].enrollments.as_slice()), (home, [bob, ada].as_slice()));
        assert_eq!((listed[1].id, listed[1].enrollments.as_slice()), (empty, [].as_slice()));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_collection_is_gone_and_its_enrollments_stay() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, Some(home)).await;
        written!(db, account, delete(home, now())).await.unwrap();

        assert_fails!(by_id(db, account, home).await, Gone, Collection, home);
        assert_fails!(state(db, account, home).await, Gone, Collection, home);
        assert_fails!(Reader::open(db, account, home).await.map(drop), Gone, Collection, home);
        assert_fails!(written!(db, account, add_member(home, ada, now())).await, Gone, Collection, home);
        assert_fails!(written!(db, account, delete(home, now())).await, Gone, Collection, home);
        let stored = enrollments::by_id(db, account, ada).await.unwrap();
        assert_eq!((stored.collection_id, stored.embeddings.len()), (None, 1));
    })
    .await;
}

#[tokio::test]
async fn an_id_of_another_kind_is_unknown() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 1, Some(home)).await;
        assert_fails!(by_id(db, account, ada).await, NotFound, Collection, ada);
        assert_fails!(enrollments::by_id(db, account, home).await, NotFound, Enrollment, home);
        written!(db, account, enrollments::delete(ada, now())).await.unwrap();
        assert_fails!(by_id(db, account, ada).await, NotFound, Collection, ada);
        let never = new_id(Kind::Collection);
        assert_fails!(written!(db, account, delete(never, now())).await, NotFound, Collection, never);
    })
    .await;
}

#[tokio::test]
async fn who_leaves_a_collection_stays_enrolled_and_in_the_others() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        let ada = world.enroll("Ada", 1, Some(home)).await;
        written!(db, account, add_member(work, ada, now())).await.unwrap();
        assert_eq!((world.state(home).await.members, world.state(work).await.members), (1, 1));

        assert!(written!(db, account, remove_member(home, ada, now())).await.unwrap());
        let state = world.state(home).await;
        assert_eq!((state.version, state.members, world.gallery(home).await.1.len()), (3, 0, 0));
        assert_eq!((world.version(work).await, world.state(work).await.members), (2, 1));
        assert!(!written!(db, account, remove_member(home, ada, now())).await.unwrap(), "is no member any more");
        assert_eq!(world.version(home).await, 3);
        assert_fails!(written!(db, world.stranger, remove_member(work, ada, now())).await, NotFound, Collection, work);
        written!(db, account, enrollments::delete(ada, now())).await.unwrap();
        assert_eq!(world.state(work).await.members, 0);
    })
    .await;
}

#[tokio::test]
async fn a_copy_catches_up_by_the_changes_since_its_version() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let since = async |state: &State| {
            let changed = changes(db, account, home, state.version, state.changed).await.unwrap();
            changed.map(|ids| ids.into_iter().collect::<BTreeSet<_>>())
        };
        let ada = world.enroll("Ada", 1, Some(home)).await;
        let before = world.state(home).await;
        assert_eq!(since(&before).await, Some(BTreeSet::new()));
        let bob = world.enroll("Bob", 1, Some(home)).await;
        append(db, account, bob, &[embedding(1.0)], MAX).await.unwrap();
        assert_eq!(since(&before).await, Some(BTreeSet::from([bob])), "each once");
        written!(db, account, enrollments::delete(ada, now())).await.unwrap();
        assert_eq!(since(&before).await, Some(BTreeSet::from([ada, bob])), "who left counts as well");
        assert_eq!(since(&world.state(home).await).await, Some(BTreeSet::new()));
        let other_history = State { changed: before.changed - 1, ..before };
        assert_eq!(since(&other_history).await, None);
    })
    .await;
}

#[tokio::test]
async fn members_are_read_with_what_is_known_of_them() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 2, Some(home)).await;
        let eve = world.enroll("Eve", 1, None).await;
        let facts = FactsUpdate { external_id: Some("e-7".into()), ..FactsUpdate::default() };
        written!(db, account, enrollments::update_facts(ada, &facts, now())).await.unwrap();
        let read = members(db, account, home, MODEL, &[eve, ada]).await.unwrap();
        assert_eq!(read.len(), 1, "who is no member is left out");
        assert_eq!((read[0].id, read[0].embeddings.len()), (ada, 2));
        let facts_of = async |account: Id, ids: &[Id]| {
            MemberReader::open(db, account, home).await.unwrap().facts(ids).await.unwrap()
        };
        let read = facts_of(account, &[eve, ada]).await;
        assert_eq!(read, [(ada, Facts { name: "Ada".into(), external_id: Some("e-7".into()), ..Facts::default() })]);
        assert_eq!(facts_of(world.stranger, &[ada]).await, []);
        assert_eq!(members(db, account, home, "another model", &[ada]).await.unwrap(), []);
        assert_eq!(members(db, world.stranger, home, MODEL, &[ada]).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_removal_is_remembered_by_version_and_additions_are_none() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        let versions = async || collections::versions(&world.db, home).await.unwrap().unwrap();
        let (ada, bob) = (world.enroll("Ada", 2, Some(home)).await, world.enroll("Bob", 1, Some(home)).await);
        let before = versions().await;
        assert!(before.removed < before.version && before.allow(before.version), "{before:?}");

        let stored = embeddings::list(&world.db, world.account, ada).await.unwrap();
        let mut tx = world.db.write(world.account).await.unwrap();
        embeddings::delete(&mut tx, world.account, ada, stored[0].id, now()).await.unwrap();
        tx.commit().await.unwrap();
        let after = versions().await;
        assert!(!after.allow(before.version) && after.allow(after.version), "an embedding was deleted: {after:?}");

        let mut tx = world.db.write(world.account).await.unwrap();
        collections::remove_member(&mut tx, world.account, home, bob, now()).await.unwrap();
        tx.commit().await.unwrap();
        let left = versions().await;
        assert!(!left.allow(after.version), "a member left: {left:?}");

        let mut tx = world.db.write(world.account).await.unwrap();
        enrollments::delete(&mut tx, world.account, ada, now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!versions().await.allow(left.version), "a person was deleted");
        assert!(!versions().await.allow(versions().await.version + 1), "a copy from the future is of another history");
    })
    .await;
}
