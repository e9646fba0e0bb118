use vultus_store::legacy_ids::{find, set};
use vultus_store::{Error, Kind, collections, enrollments};

use crate::world::{assert_fails, enrollment, now, on_each_database, written};

#[tokio::test]
async fn a_legacy_id_names_one_thing_of_its_kind_in_its_account() {
    on_each_database(async |world| {
        let (db, account, stranger) = (&world.db, world.account, world.stranger);
        let (ada, bob) = (world.enroll("Ada", 1, None).await, world.enroll("Bob", 1, None).await);
        let home = world.collection("Home").await;
        written!(db, account, set(ada, "old-7")).await.unwrap();
        written!(db, account, set(home, "old-7")).await.unwrap();
        assert_eq!(find(db, account, Kind::Enrollment, "old-7").await.unwrap(), Some(ada));
        assert_eq!(find(db, account, Kind::Collection, "old-7").await.unwrap(), Some(home));
        assert_eq!(find(db, account, Kind::Embedding, "old-7").await.unwrap(), None);
        assert_eq!(find(db, stranger, Kind::Enrollment, "old-7").await.unwrap(), None);

        let taken = written!(db, account, set(bob, "old-7")).await.unwrap_err();
        assert!(matches!(taken, Error::LegacyIdTaken { kind: Kind::Enrollment }), "{taken:?}");
        written!(db, account, set(ada, "old-7")).await.unwrap();
        written!(db, account, set(ada, "")).await.unwrap();
        written!(db, account, set(bob, "old-7")).await.unwrap();
        assert_eq!(enrollments::by_id(db, account, ada).await.unwrap().legacy_id, None);
        assert_eq!(enrollments::by_id(db, account, bob).await.unwrap().legacy_id.as_deref(), Some("old-7"));
        assert_eq!(collections::by_id(db, account, home).await.unwrap().legacy_id.as_deref(), Some("old-7"));

        assert_fails!(written!(db, stranger, set(ada, "old-8")).await, NotFound, Enrollment, ada);
        let mut theirs = enrollment("Eve", 1, None);
        theirs.facts.legacy_id = Some("old-7".into());
        written!(db, stranger, enrollments::insert(&theirs, now())).await.unwrap();
        let taken = written!(db, account, enrollments::insert(&theirs, now())).await;
        assert!(taken.is_err());

        written!(db, account, enrollments::delete(bob, now())).await.unwrap();
        assert_eq!(find(db, account, Kind::Enrollment, "old-7").await.unwrap(), None);
        assert_fails!(written!(db, account, set(bob, "old-7")).await, Gone, Enrollment, bob);
        written!(db, account, set(ada, "old-7")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_enrollment_with_a_legacy_id_that_is_taken_is_not_stored() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let mut new = enrollment("Ada", 1, None);
        new.facts.legacy_id = Some("old-7".into());
        written!(db, account, enrollments::insert(&new, now())).await.unwrap();
        let mut again = enrollment("Bob", 1, None);
        again.facts.legacy_id = Some("old-7".into());
        let taken = written!(db, account, enrollments::insert(&again, now())).await.unwrap_err();
        assert!(matches!(taken, Error::LegacyIdTaken { kind: Kind::Enrollment }), "{taken:?}");
        assert_eq!(enrollments::count(db, account).await.unwrap(), 1);
    })
    .await;
}
