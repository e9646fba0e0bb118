use vultus_store::blobs::{self, Key, Kind::Image};
use vultus_store::jobs::{self, Job, Terms};
use vultus_store::{Id, Kind, Micros, data_keys, embeddings, enrollments};

use crate::world::{World, enrollment, new_id, now, on_each_database, written};

const LEASE: Micros = 1_000_000_000;

/// The image that is to be removed next.
async fn removed(world: &World, now: Micros) -> Option<Id> {
    let terms = Terms { due: now, now, lease: now + LEASE, per_account: 100 };
    jobs::claim(&world.db, Job::RemoveImage, &terms).await.unwrap().map(|claim| claim.subject)
}

#[tokio::test]
async fn images_of_what_is_deleted_are_to_be_removed() {
    on_each_database(async |world| {
        let person = world.enroll("Ada", 3, None).await;
        let ids = enrollments::by_id(&world.db, world.account, person).await.unwrap().embeddings;
        world.keep_images(&ids[..2], None).await;
        let deleted = written!(world.db, world.account, embeddings::delete(person, ids[1], now())).await.unwrap();
        assert_eq!(deleted.images, [Key { account: world.account, kind: Image, id: ids[1] }]);
        assert_eq!(removed(&world, now()).await, Some(ids[1]));
        assert_eq!(removed(&world, now()).await, None);
        written!(world.db, world.account, enrollments::delete(person, now())).await.unwrap();
        assert_eq!((removed(&world, now()).await, removed(&world, now()).await), (Some(ids[0]), None));
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_reserved_is_removed_unless_its_row_comes() {
    on_each_database(async |world| {
        let new = enrollment("Ada", 2, None);
        let lost = new_id(Kind::Embedding);
        let ids = [new.embeddings[0].id, new.embeddings[1].id, lost];
        let due = now();
        written!(world.db, world.account, blobs::reserve(Image, &ids, due)).await.unwrap();
        assert!(data_keys::by_account(&world.db, world.account).await.unwrap().is_some(), "to seal them with");
        written!(world.db, world.account, enrollments::insert(&new, now())).await.unwrap();
        world.keep_images(&ids[..2], None).await;
        assert_eq!(removed(&world, due - 1).await, None, "the request may still run");
        assert_eq!(removed(&world, due).await, Some(lost));
        assert_eq!(removed(&world, due).await, None);
    })
    .await;
}

#[tokio::test]
async fn files_expire_and_the_people_stay() {
    on_each_database(async |world| {
        let person = world.enroll("Ada", 4, None).await;
        let ids = enrollments::by_id(&world.db, world.account, person).await.unwrap().embeddings;
        let time = now();
        world.keep_images(&ids[..2], Some(time + 10)).await;
        world.keep_images(&ids[2..3], Some(time + 20)).await;
        world.keep_images(&ids[3..], None).await;
        assert_eq!(blobs::expire(&world.db, time + 9, 100).await.unwrap(), 0);
        assert_eq!(blobs::expire(&world.db, time + 19, 1).await.unwrap(), 1, "a few at a time");
        assert_eq!(blobs::expire(&world.db, time + 19, 1).await.unwrap(), 1);
        assert_eq!(blobs::expire(&world.db, time + 19, 1).await.unwrap(), 0);
        let mut gone = [removed(&world, time + 19).await.unwrap(), removed(&world, time + 19).await.unwrap()];
        gone.sort_unstable();
        assert_eq!((gone.as_slice(), removed(&world, time + 19).await), (&ids[..2], None));
        assert_eq!(enrollments::by_id(&world.db, world.account, person).await.unwrap().embeddings, ids);
    })
    .await;
}
