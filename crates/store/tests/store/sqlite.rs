use std::path::Path;

use tokio::task::JoinSet;
use vultus_store::{Db, Error, Kind, enrollments};

use crate::world::{World, enrollment, new_id, now, written};

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let world = World::open(&url(&folder.path().join("vultus.db"))).await;
    world.enroll("Ada", 1, None).await;
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the index of the log");
}

#[tokio::test]
async fn neither_a_vector_nor_a_deleted_person_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vultus.db");
    let world = World::open(&url(&path)).await;
    let mut new = enrollment("Rumpelstilzchen", 1, None);
    new.embeddings[0].vector = vec![1.234_567_8; 512];
    written!(world.db, world.account, enrollments::insert(&new, now())).await.unwrap();
    world.db.close().await;
    let holds = |needle: &[u8]| std::fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle);
    let vector = [1.234_567_8_f32.to_le_bytes(); 2].concat();
    assert!(holds(b"Rumpelstilzchen") && !holds(&vector));

    let world = World::open(&url(&path)).await;
    written!(world.db, world.account, enrollments::delete(new.id, now())).await.unwrap();
    world.db.close().await;
    assert!(!holds(b"Rumpelstilzchen") && !holds(&vector));
}

/// Each `Db` has its own connections, as two processes would have.
#[tokio::test(flavor = "multi_thread")]
async fn two_programs_can_open_a_new_database_and_write_to_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let address = url(&folder.path().join("vultus.db"));
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let address = address.clone();
        tasks.spawn(async move {
            let world = World::open(&address).await;
            for _ in 0..10 {
                world.enroll("Ada", 1, None).await;
            }
            world
        });
    }
    let worlds = tasks.join_all().await;
    assert_eq!(enrollments::count(&worlds[0].db, worlds[0].account).await.unwrap(), 40);
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::connect(&url(&folder.path().join("vultus.db"))).await.unwrap();
    enrollments::count(&db, new_id(Kind::Account)).await.unwrap();
    db.close().await;
    assert!(matches!(enrollments::count(&db, new_id(Kind::Account)).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_missing_or_empty_file_is_no_existing_database_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vultus.db");
    assert!(matches!(Db::connect_existing(&url(&path)).await, Err(Error::Empty)));
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    // What may be left of the data.
    let log = folder.path().join("vultus.db-wal");
    std::fs::write(&log, "log").unwrap();
    assert!(matches!(Db::connect_existing(&url(&path)).await, Err(Error::Empty)));
    assert_eq!((std::fs::read(&path).unwrap().len(), std::fs::read(&log).unwrap().len()), (0, 3));
    std::fs::remove_file(&log).unwrap();
    Db::connect(&url(&path)).await.unwrap().close().await;
    Db::connect_existing(&url(&path)).await.unwrap().close().await;
}

#[tokio::test]
async fn addresses_that_cannot_work_are_refused_with_a_reason() {
    for address in ["", "vultus.db", "mysql://localhost/vultus", "sqlite:", "sqlite::memory:"] {
        let error = Db::connect(address).await.unwrap_err();
        assert!(matches!(error, Error::Url(_)) && error.to_string().contains("give sqlite:"), "{address}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = Db::connect(&url(&folder.path().join("missing/vultus.db"))).await.unwrap_err();
    assert!(matches!(error, Error::CreateFile(_)), "{error:?}");
}
