//! What is particular to PostgreSQL.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::task::JoinSet;
use vultus_store::{Db, Error, enrollments};

use crate::world::{World, on_empty_postgres, on_postgres};

#[tokio::test(flavor = "multi_thread")]
async fn several_programs_can_open_a_new_database_and_write_to_it_at_once() {
    on_empty_postgres(async |url| {
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let url = url.to_owned();
            tasks.spawn(async move {
                let world = World::open(&url).await;
                for _ in 0..5 {
                    world.enroll("Ada", 1, None).await;
                }
                world
            });
        }
        let worlds = tasks.join_all().await;
        assert_eq!(enrollments::count(&worlds[0].db, worlds[0].account).await.unwrap(), 20);
        for world in worlds {
            world.db.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_without_tables_is_no_existing_one_and_stays_so() {
    on_empty_postgres(async |url| {
        for _ in 0..2 {
            assert!(matches!(Db::connect_existing(url).await, Err(Error::Empty)));
        }
        Db::connect(url).await.unwrap().close().await;
        Db::connect_existing(url).await.unwrap().close().await;
    })
    .await;
}

/// As where pgvector is not installed, nothing but the extension is in the way.
#[tokio::test]
async fn a_database_that_cannot_have_vectors_is_refused_with_what_to_do() {
    on_empty_postgres(async |url| {
        let mut admin = PgConnection::connect(url).await.unwrap();
        let role = format!("{}_guest", url.rsplit_once('/').unwrap().1);
        let make = format!("create role {role} login password 'guest'; grant create on schema public to {role}");
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut admin).await.unwrap();
        let (_, place) = url.rsplit_once('@').unwrap();
        let error = Db::connect(&format!("postgres://{role}:guest@{place}")).await.unwrap_err();
        assert!(matches!(error, Error::NoVectors(_)), "{error:?}");
        assert!(error.to_string().contains("create extension vector"), "{error}");
        let remove = format!("drop owned by {role}; drop role {role}");
        sqlx::raw_sql(AssertSqlSafe(remove)).execute(&mut admin).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_installation_keeps_its_id_and_another_has_another() {
    let id = async |world: &World| {
        let cursors = vultus_store::cursors::Cursors::of(&world.db).unwrap();
        cursors.installation().await.unwrap()
    };
    on_postgres(async |one| {
        let first = id(&one).await;
        assert!(first.len() == 16 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{first}");
        assert_eq!(id(&World::open(&one.url).await).await, first);
        on_postgres(async |other| assert_ne!(id(&other).await, first)).await;
    })
    .await;
}
