use vultus_store::collections::add_member;
use vultus_store::embeddings;
use vultus_store::enrollments::{self, Filter, by_id, insert};
use vultus_store::{Error, Kind, reembeddings};

use crate::world::{MAX, MODEL, append, assert_fails, embedding, enrollment, new_id, now, on_each_database, written};

#[tokio::test]
async fn an_enrollment_comes_back_as_it_was_stored() {
    on_each_database(async |world| {
        let mut new = enrollment("Jürgen O'Neil \u{1f600}", 2, None);
        let vector = vec![0.1, -1.5e-30, f32::MIN_POSITIVE, f32::MAX, -0.0];
        new.embeddings[1].vector.clone_from(&vector);
        let created = now();
        written!(world.db, world.account, insert(&new, created)).await.unwrap();

        let stored = by_id(&world.db, world.account, new.id).await.unwrap();
        assert_eq!((stored.id, stored.account_id), (new.id, world.account));
        assert_eq!((stored.name.as_str(), stored.collection_id), ("Jürgen O'Neil \u{1f600}", None));
        assert_eq!((stored.created, stored.updated), (created, created));
        assert_eq!(stored.embeddings, [new.embeddings[0].id, new.embeddings[1].id]);

        let vectors = embeddings::list(&world.db, world.account, new.id).await.unwrap();
        assert_eq!((vectors[1].position, vectors[1].model.as_str()), (1, MODEL));
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&vectors[1].vector), bits(&vector));
    })
    .await;
}

#[tokio::test]
async fn appended_embeddings_continue_the_positions() {
    on_each_database(async |world| {
        let id = world.enroll("Ada", 2, None).await;
        append(&world.db, world.account, id, &[embedding(2.0), embedding(3.0)], MAX).await.unwrap();
        let later = now();
        let nothing = enrollments::FactsUpdate::default();
        written!(world.db, world.account, enrollments::extend(id, &[embedding(4.0)], &nothing, MAX, later))
            .await
            .unwrap();

        let stored = embeddings::list(&world.db, world.account, id).await.unwrap();
        let seen: Vec<_> = stored.iter().map(|embedding| (embedding.position, embedding.vector[0])).collect();
        assert_eq!(seen, [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]);
        assert_eq!(by_id(&world.db, world.account, id).await.unwrap().updated, later);
    })
    .await;
}

#[tokio::test]
async fn too_many_embeddings_are_refused_and_none_is_stored() {
    on_each_database(async |world| {
        let id = world.enroll("Ada", 2, None).await;
        let before = by_id(&world.db, world.account, id).await.unwrap();
        let new = [embedding(2.0), embedding(3.0)];
        let error = append(&world.db, world.account, id, &new, 3).await.unwrap_err();
        assert!(matches!(error, Error::TooManyEmbeddings { limit: 3, stored: 2, added: 2 }), "{error:?}");
        assert_eq!(by_id(&world.db, world.account, id).await.unwrap(), before);

        append(&world.db, world.account, id, &new[..1], 3).await.unwrap();
        assert_eq!(embeddings::list(&world.db, world.account, id).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_stored_if_the_collection_is_bad() {
    on_each_database(async |world| {
        let unknown = new_id(Kind::Collection);
        let new = enrollment("Ada", 3, Some(unknown));
        assert_fails!(written!(world.db, world.account, insert(&new, now())).await, NotFound, Collection, unknown);

        let deleted = world.collection("Home").await;
        written!(world.db, world.account, vultus_store::collections::delete(deleted, now())).await.unwrap();
        let gone = enrollment("Ada", 3, Some(deleted));
        assert_fails!(written!(world.db, world.account, insert(&gone, now())).await, Gone, Collection, deleted);

        assert_eq!(enrollments::count(&world.db, world.account).await.unwrap(), 0);
        // The ids of the enrollment and its embeddings are still free.
        written!(world.db, world.account, insert(&enrollments::NewEnrollment { collection_id: None, ..new }, now()))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn nothing_is_stored_if_an_id_is_taken() {
    on_each_database(async |world| {
        let first = enrollment("Ada", 1, None);
        written!(world.db, world.account, insert(&first, now())).await.unwrap();
        let mut second = enrollment("Bob", 2, None);
        second.embeddings[1].id = first.embeddings[0].id;
        let error = written!(world.db, world.account, insert(&second, now())).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
        assert_fails!(by_id(&world.db, world.account, second.id).await, NotFound, Enrollment, second.id);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_enrollment_is_gone_everywhere() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let id = world.enroll("Ada", 2, Some(home)).await;
        let kept = world.enroll("Bob", 1, Some(home)).await;
        written!(db, account, enrollments::delete(id, now())).await.unwrap();

        assert_fails!(by_id(db, account, id).await, Gone, Enrollment, id);
        assert_fails!(embeddings::list(db, account, id).await, Gone, Enrollment, id);
        assert_fails!(append(db, account, id, &[embedding(0.0)], MAX).await, Gone, Enrollment, id);
        assert_fails!(written!(db, account, add_member(home, id, now())).await, Gone, Enrollment, id);
        assert_fails!(written!(db, account, enrollments::delete(id, now())).await, Gone, Enrollment, id);
        let listed = enrollments::list(db, account, &Filter::default()).await.unwrap().items;
        assert_eq!(listed.iter().map(|enrollment| enrollment.id).collect::<Vec<_>>(), [kept]);
        assert_eq!(world.gallery(home).await.1.iter().map(|row| row.enrollment_id).collect::<Vec<_>>(), [kept]);
    })
    .await;
}

#[tokio::test]
async fn the_collection_of_an_enrollment_is_the_first_it_joined() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let id = world.enroll("Ada", 1, None).await;
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        written!(db, account, add_member(work, id, now())).await.unwrap();
        written!(db, account, add_member(home, id, now())).await.unwrap();
        assert_eq!(by_id(db, account, id).await.unwrap().collection_id, Some(work));
        written!(db, account, vultus_store::collections::delete(work, now())).await.unwrap();
        assert_eq!(by_id(db, account, id).await.unwrap().collection_id, Some(home));
    })
    .await;
}

#[tokio::test]
async fn an_embedding_is_deleted_and_those_behind_it_move_up() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let id = world.enroll("Ada", 4, Some(home)).await;
        let before = embeddings::list(db, account, id).await.unwrap();
        let version = world.version(home).await;
        let deleted = written!(db, account, embeddings::delete(id, before[1].id, now())).await.unwrap();
        assert_eq!(deleted.collections, [home]);
        assert_eq!(world.version(home).await, version + 1);
        let marks = async || {
            let left = embeddings::list(db, account, id).await.unwrap();
            left.iter().map(|left| (left.position, left.vector[0])).collect::<Vec<_>>()
        };
        assert_eq!(marks().await, [(0, 0.0), (1, 2.0), (2, 3.0)]);
        append(db, account, id, &[embedding(7.0)], MAX).await.unwrap();
        assert_eq!(marks().await, [(0, 0.0), (1, 2.0), (2, 3.0), (3, 7.0)]);

        assert_fails!(
            written!(db, account, embeddings::delete(id, before[1].id, now())).await,
            Gone,
            Embedding,
            before[1].id
        );
        let other = world.enroll("Bob", 1, None).await;
        assert_fails!(
            written!(db, account, embeddings::delete(other, before[0].id, now())).await,
            NotFound,
            Embedding,
            before[0].id
        );
        assert_fails!(
            written!(db, world.stranger, embeddings::delete(id, before[0].id, now())).await,
            NotFound,
            Enrollment,
            id
        );
        let last = embeddings::list(db, account, other).await.unwrap()[0].id;
        let error = written!(db, account, embeddings::delete(other, last, now())).await.unwrap_err();
        assert!(matches!(error, Error::LastEmbedding), "{error:?}");
        assert_eq!(embeddings::list(db, account, other).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_the_tenant_says_of_a_person_is_kept_found_and_changed() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let mut new = enrollment("Ada", 1, None);
        new.facts.external_id = Some("e-7".into());
        new.facts.metadata = Some("{\"floor\":3}".into());
        written!(db, account, insert(&new, now())).await.unwrap();
        world.enroll("Bob", 1, None).await;
        let found = Filter { external_id: Some("e-7"), ..Filter::default() };
        let found = enrollments::list(db, account, &found).await.unwrap().items;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id, found[0].metadata.as_deref()), (new.id, Some("{\"floor\":3}")));
        let change = enrollments::FactsUpdate { name: Some("Ada L.".into()), ..Default::default() };
        written!(db, account, enrollments::update_facts(new.id, &change, now())).await.unwrap();
        let changed = by_id(db, account, new.id).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.external_id.as_deref()), ("Ada L.", Some("e-7")));
        let again = enrollments::FactsUpdate { name: Some("Ada K.".into()), ..Default::default() };
        let too_many = written!(db, account, enrollments::extend(new.id, &[embedding(1.0)], &again, 1, now())).await;
        assert!(matches!(too_many, Err(Error::TooManyEmbeddings { .. })), "{too_many:?}");
        assert_eq!(by_id(db, account, new.id).await.unwrap().name, "Ada L.", "nothing of it was stored");
        written!(db, account, enrollments::extend(new.id, &[embedding(1.0)], &again, 2, now())).await.unwrap();
        let extended = by_id(db, account, new.id).await.unwrap();
        assert_eq!((extended.name.as_str(), extended.embeddings.len()), ("Ada K.", 2));
        let nothing = enrollments::FactsUpdate {
            external_id: Some(String::new()),
            metadata: Some("{}".into()),
            ..enrollments::FactsUpdate::default()
        };
        written!(db, account, enrollments::update_facts(new.id, &nothing, now())).await.unwrap();
        let cleared = by_id(db, account, new.id).await.unwrap();
        assert_eq!((cleared.name.as_str(), cleared.external_id, cleared.metadata), ("Ada K.", None, None));
        let stranger = written!(db, world.stranger, enrollments::update_facts(new.id, &change, now())).await;
        assert_fails!(stranger, NotFound, Enrollment, new.id);
    })
    .await;
}

#[tokio::test]
async fn vectors_of_another_model_wait_for_the_switch() {
    on_each_database(async |world| {
        let (db, account) = (&world.db, world.account);
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 2, Some(home)).await;
        world.enroll("Bob", 1, None).await;
        let kept = world.keep_images(&by_id(db, account, ada).await.unwrap().embeddings, None).await;
        let pending = reembeddings::pending(db, "new", None, 10).await.unwrap();
        assert_eq!(pending, kept, "those whose images are kept");
        assert_eq!(reembeddings::pending(db, "new", Some(pending[0].id), 10).await.unwrap(), pending[1..]);
        for pending in &pending {
            written!(db, pending.account, reembeddings::stage(pending.id, "new", &[0.5; 4])).await.unwrap();
            written!(db, world.stranger, reembeddings::stage(pending.id, "new", &[9.0; 4])).await.unwrap();
        }
        let staged = reembeddings::Progress { current: 0, staged: 2, pending: 0, lost: 1 };
        assert_eq!(reembeddings::progress(db, "new").await.unwrap(), staged);
        assert_eq!(reembeddings::pending(db, "new", None, 10).await.unwrap(), []);
        let version = world.version(home).await;
        assert!(embeddings::list(db, account, ada).await.unwrap().iter().all(|old| old.vector.len() == 8));

        assert_eq!(reembeddings::next_staged(db, "new").await.unwrap(), Some((account, ada)));
        written!(db, account, reembeddings::switch(ada, "new", now())).await.unwrap();
        assert_eq!(reembeddings::next_staged(db, "new").await.unwrap(), None);
        let switched = embeddings::list(db, account, ada).await.unwrap();
        assert!(switched.iter().all(|new| new.model == "new" && new.vector == [0.5; 4]));
        assert_eq!(switched.iter().map(|new| new.id).collect::<Vec<_>>(), [pending[0].id, pending[1].id]);
        assert_eq!(world.version(home).await, version + 1);
        let done = reembeddings::Progress { current: 2, lost: 1, ..Default::default() };
        assert_eq!(reembeddings::progress(db, "new").await.unwrap(), done);
    })
    .await;
}
