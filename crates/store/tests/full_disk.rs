//! A disk that is full for a while. A limit on the size of files stands for it, in a process of its own, as it is the limit of all
//! files of a process.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vultus_store::collections::{self, NewCollection};
use vultus_store::{Db, Error, Id, Kind, accounts};

#[test]
fn writes_come_back_by_themselves_when_there_is_room_again() {
    // Without the trap, the limit would be a signal that ends the process.
    let script = "trap '' XFSZ; exec \"$0\" --ignored --exact a_disk_that_is_full_for_a_while";
    let done = Command::new("sh").args(["-c", script]).arg(std::env::current_exe().unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
#[ignore = "limits the files of its process: the test above runs it"]
async fn a_disk_that_is_full_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vultus.db");
    let db = Db::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut tx = db.write_unlocked().await.unwrap();
    let account = accounts::get_or_insert(&mut tx, id(Kind::Account, 0), "ours", 1).await.unwrap().id;
    tx.commit().await.unwrap();

    let before = getrlimit(Resource::Fsize);
    let log = std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    setrlimit(Resource::Fsize, Rlimit { current: Some(log + 20_000), maximum: before.maximum }).unwrap();
    let mut stored = 0;
    let error = loop {
        match collection(&db, account, stored).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    let refused = db.check_writable(1).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "it is not ready: {refused:?}");
    assert_eq!(listed(&db, account).await, stored, "reads go on");

    setrlimit(Resource::Fsize, before).unwrap();
    db.check_writable(1).await.unwrap();
    collection(&db, account, stored).await.unwrap();
    assert_eq!(listed(&db, account).await, stored + 1, "nothing that was acknowledged is lost");
}

fn id(kind: Kind, number: u64) -> Id {
    Id::new(kind, 1_795_000_000_000_000, number.to_le_bytes())
}

async fn collection(db: &Db, account: Id, number: u64) -> vultus_store::Result<()> {
    let mut tx = db.write(account).await?;
    let new = NewCollection { id: id(Kind::Collection, number), name: &"x".repeat(4_000), unknowns: false };
    collections::insert(&mut tx, account, &new, 1).await?;
    tx.commit().await
}

async fn listed(db: &Db, account: Id) -> u64 {
    collections::list(db, account, &collections::Filter::default()).await.unwrap().items.len() as u64
}
