//! Vectors and classifiers are sealed: those of before as well, each in its own place only, and for as long as there is a key.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use vultus_store::fits::{self, Fit};
use vultus_store::rejections::{self, NewRejection};
use vultus_store::{Db, Error, Id, Kind, data_keys, embeddings, enrollments, reembeddings};

use crate::world::{MODEL, World, enrollment, new_id, now, on_each_database, written};

/// Runs statements past the store. `{one}` and `{two}` stand for eight plain floats of 1 and of 2.
async fn past_the_store(world: &World, statements: &str) {
    let hex = |float: f32| float.to_le_bytes().map(|byte| format!("{byte:02x}")).concat().repeat(8);
    let literal = |float| {
        let hex = hex(float);
        if world.db.is_postgres() { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") }
    };
    let text = AssertSqlSafe(statements.replace("{one}", &literal(1.0)).replace("{two}", &literal(2.0)));
    if world.db.is_postgres() {
        let mut connection = PgConnection::connect(&world.url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = SqliteConnection::connect(&world.url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

async fn vectors(db: &Db, account: Id, enrollment: Id) -> vultus_store::Result<Vec<Vec<f32>>> {
    let stored = embeddings::list(db, account, enrollment).await?;
    Ok(stored.into_iter().map(|embedding| embedding.vector).collect())
}

#[tokio::test]
async fn vectors_of_before_are_sealed_once_and_stay_what_they_were() {
    on_each_database(async |world| {
        let World { db, account, stranger, .. } = &world;
        let home = world.collection("Home").await;
        let ada = world.enroll("Ada", 3, Some(home)).await;
        let theirs = enrollment("Eve", 1, None);
        written!(db, *stranger, enrollments::insert(&theirs, now())).await.unwrap();
        let (id, vector) = (new_id(Kind::Rejection), [5.0; 8]);
        let no = NewRejection { id, collection_id: home, enrollment_id: ada, model: MODEL, vector: &vector };
        written!(db, *account, rejections::insert(&no, 9, now())).await.unwrap();
        let first = embeddings::list(db, *account, ada).await.unwrap()[0].id;
        written!(db, *account, reembeddings::stage(first, "newer", &vector)).await.unwrap();
        assert_eq!(data_keys::seal_plain(db).await.unwrap(), 0, "nothing is stored in plain");

        past_the_store(
            &world,
            "update embeddings set vector = {one}; update rejections set vector = {two}; \
             update reembeddings set vector = {two}",
        )
        .await;
        assert!(matches!(vectors(db, *account, ada).await, Err(Error::Seal(_))), "plain vectors are not taken");
        assert_eq!(data_keys::seal_plain(db).await.unwrap(), 4 + 1 + 1);
        assert_eq!(data_keys::seal_plain(db).await.unwrap(), 0);
        assert_eq!(vectors(db, *account, ada).await.unwrap(), vec![vec![1.0; 8]; 3]);
        assert_eq!(vectors(db, *stranger, theirs.id).await.unwrap(), [vec![1.0; 8]]);
        assert_eq!(rejections::list(db, *account, home, MODEL).await.unwrap()[0].vector, vec![2.0; 8]);
        written!(db, *account, reembeddings::switch(ada, "newer", now())).await.unwrap();
        assert_eq!(vectors(db, *account, ada).await.unwrap()[0], vec![2.0; 8]);
    })
    .await;
}

#[tokio::test]
async fn a_vector_in_the_place_of_another_is_not_taken() {
    on_each_database(async |world| {
        let (ada, bob) = (world.enroll("Ada", 1, None).await, world.enroll("Bob", 1, None).await);
        past_the_store(&world, "update embeddings set vector = (select vector from embeddings order by id limit 1)")
            .await;
        assert_eq!(vectors(&world.db, world.account, ada).await.unwrap().len(), 1);
        assert!(matches!(vectors(&world.db, world.account, bob).await, Err(Error::Seal(_))));
    })
    .await;
}

#[tokio::test]
async fn without_its_key_an_account_is_erased_and_others_are_not() {
    on_each_database(async |world| {
        let World { db, account, stranger, .. } = &world;
        let ada = world.enroll("Ada", 1, None).await;
        let theirs = enrollment("Eve", 1, None);
        written!(db, *stranger, enrollments::insert(&theirs, now())).await.unwrap();
        written!(db, *account, data_keys::delete()).await.unwrap();
        assert!(matches!(vectors(db, *account, ada).await, Err(Error::Seal(_))));
        assert_eq!(vectors(db, *stranger, theirs.id).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_database_without_a_sealer_takes_no_vectors_rather_than_plain_ones() {
    on_each_database(async |world| {
        let ada = world.enroll("Ada", 1, None).await;
        let bare = Db::connect(&world.url).await.unwrap();
        assert!(matches!(vectors(&bare, world.account, ada).await, Err(Error::Seal(_))));
        let new = enrollment("Bob", 1, None);
        assert!(matches!(written!(bare, world.account, enrollments::insert(&new, now())).await, Err(Error::Seal(_))));
        bare.close().await;
    })
    .await;
}

/// Stores a classifier for a collection.
async fn fit(world: &World, collection: Id) {
    let fit = Fit { model: MODEL.into(), version: 9, outdated: 0, fitted: now(), data: vec![1; 32] };
    written!(world.db, world.account, fits::save(collection, &fit)).await.unwrap();
}

async fn classifier(world: &World, collection: Id) -> Option<Vec<u8>> {
    fits::of_collection(&world.db, world.account, collection).await.unwrap().map(|fit| fit.data)
}

#[tokio::test]
async fn a_classifier_that_was_changed_moved_or_in_plain_counts_as_none() {
    on_each_database(async |world| {
        let (home, work) = (world.collection("Home").await, world.collection("Work").await);
        for change in [
            "update fits set data = {one}",
            "update fits set data = substr(data, 1, 4)",
            "update fits set data = substr(data, 1, 0)",
        ] {
            fit(&world, home).await;
            assert_eq!(classifier(&world, home).await, Some(vec![1; 32]));
            past_the_store(&world, change).await;
            assert_eq!(classifier(&world, home).await, None, "{change}");
            assert!(world.state(home).await.fit.is_some(), "that there is one is known");
        }
        fit(&world, work).await;
        past_the_store(
            &world,
            "update fits set data = (select data from fits where collection_id = (select id from collections where \
             name = 'Work'))",
        )
        .await;
        assert_eq!(classifier(&world, work).await, Some(vec![1; 32]));
        assert_eq!(classifier(&world, home).await, None, "of another collection");
        written!(world.db, world.account, data_keys::delete()).await.unwrap();
        assert_eq!(classifier(&world, work).await, None, "erased");
    })
    .await;
}

#[tokio::test]
async fn plain_classifiers_of_before_do_not_stay() {
    on_each_database(async |world| {
        let home = world.collection("Home").await;
        fit(&world, home).await;
        // As an earlier version left it.
        past_the_store(&world, "update fits set data = {two}; delete from _sqlx_migrations where version = 13").await;
        Db::connect(&world.url).await.unwrap().close().await;
        assert!(world.state(home).await.fit.is_some(), "the next search has it fitted again");
        past_the_store(&world, "delete from fits where length(data) = 0").await;
        assert!(world.state(home).await.fit.is_none(), "it was empty");
    })
    .await;
}
