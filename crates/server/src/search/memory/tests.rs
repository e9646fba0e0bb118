use std::path::Path;

use sha2::Digest as _;
use vultus_store::collections::{NewCollection, remove_member};
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{self, NewEnrollment};
use vultus_store::{Kind, accounts};

use super::*;
use crate::seal::DataKey;

const MODEL: &str = "m";
const DIMENSION: usize = 8;

/// A collection in a database, and galleries over it.
struct World {
    db: Db,
    account: Id,
    collection: Id,
    memory: Memory,
    folder: tempfile::TempDir,
}

fn new_id(kind: Kind) -> Id {
    crate::app::new_id(kind).unwrap()
}

fn keyring() -> Keyring {
    Keyring::new(vec![7; 32], Vec::new())
}

fn memory(db: &Db, folder: &Path) -> Memory {
    Memory::new(db.clone(), keyring(), 1_000_000, folder.join("galleries"), 1)
}

/// A vector of unit length that is different for each number.
fn vector(number: u32) -> Vec<f32> {
    let hash = sha2::Sha256::digest(number.to_le_bytes());
    let component = |bytes: &[u8]| f32::from(bytes[0]) - 127.5 + f32::from(bytes[1]) / 256.0;
    let values: Vec<f32> = hash.chunks(2).take(DIMENSION).map(component).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

impl World {
    fn key(&self) -> CollectionKey {
        CollectionKey { account: self.account, collection: self.collection }
    }

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&format!("sqlite:{}", folder.path().join("vultus.db").display())).await.unwrap();
        let db = db.sealed_by(crate::seal::sealer(&keyring()));
        let mut tx = db.write_unlocked().await.unwrap();
        let account = accounts::get_or_insert(&mut tx, new_id(Kind::Account), "tests", 1).await.unwrap().id;
        tx.commit().await.unwrap();
        let collection = new_id(Kind::Collection);
        let new = NewCollection { id: collection, name: "Home", unknowns: false };
        let mut tx = db.write(account).await.unwrap();
        collections::insert(&mut tx, account, &new, 1).await.unwrap();
        tx.commit().await.unwrap();
        Self { memory: memory(&db, folder.path()), db, account, collection, folder }
    }

    async fn enroll(&self, vectors: impl Iterator<Item = u32>) -> Id {
        let embedding = |number| NewEmbedding {
            id: new_id(Kind::Embedding),
            model: MODEL.into(),
            vector: vector(number),
            quality: None,
        };
        let new = NewEnrollment {
            id: new_id(Kind::Enrollment),
            facts: enrollments::Facts::default(),
            collection_id: Some(self.collection),
            embeddings: vectors.map(embedding).collect(),
        };
        let mut tx = self.db.write(self.account).await.unwrap();
        enrollments::insert(&mut tx, self.account, &new, crate::clock::now_us()).await.unwrap();
        tx.commit().await.unwrap();
        new.id
    }

    /// Enrolls a hundred people, who are just worth a snapshot; gives the last one.
    async fn enroll_enough(&self) -> Id {
        let mut last = self.enroll(0..100).await;
        for start in 1..100 {
            last = self.enroll(start * 100..start * 100 + 100).await;
        }
        last
    }

    /// The member most similar to a vector.
    async fn find(&self, number: u32) -> Option<Hit> {
        self.search(number).await.unwrap()
    }

    async fn search(&self, number: u32) -> Result<Option<Hit>, Error> {
        let state = collections::state(&self.db, self.account, self.collection).await.unwrap();
        let space = Space {
            account: self.account,
            collection: self.collection,
            state: &state,
            model: MODEL,
            dimension: DIMENSION,
        };
        Ok(self.memory.search(space, vec![vector(number)], 1).await?[0].first().copied())
    }

    fn restart(&mut self) {
        self.memory = memory(&self.db, self.folder.path());
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.path().join("galleries").join(format!("{}.gallery", self.collection))
    }
}

fn exactly(id: Id) -> impl Fn(Option<Hit>) -> bool {
    move |hit| hit.is_some_and(|hit| hit.enrollment == id && hit.cosine > 0.999)
}

#[tokio::test]
async fn changes_are_seen_by_the_next_search_without_a_rebuild() {
    let world = World::new().await;
    assert_eq!(world.find(1).await, None);
    let ada = world.enroll([1].into_iter()).await;
    assert!(exactly(ada)(world.find(1).await));
    let slot = world.memory.0.slots.get(world.key()).unwrap();
    let before = slot.with(|here| Arc::as_ptr(&here.gallery)).unwrap();
    let bob = world.enroll([2].into_iter()).await;
    assert!(exactly(bob)(world.find(2).await) && exactly(ada)(world.find(1).await));
    let mut tx = world.db.write(world.account).await.unwrap();
    remove_member(&mut tx, world.account, world.collection, ada, crate::clock::now_us()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.find(1).await.map(|hit| hit.enrollment), Some(bob), "who left is not found");
    assert_eq!(slot.with(|here| Arc::as_ptr(&here.gallery)), Some(before), "it is the same gallery");
}

#[tokio::test]
async fn a_deleted_person_is_dropped_from_memory_and_disk_at_once() {
    let world = World::new().await;
    let last = world.enroll_enough().await;
    world.find(1).await;
    assert!(world.snapshot().exists());
    let unfinished = world.snapshot().with_extension("new");
    std::fs::write(&unfinished, "of a server that was killed").unwrap();
    world.memory.remove_person(world.account, last, &[world.collection]).await.unwrap();
    assert!(!world.snapshot().exists() && !unfinished.exists());
    let slot = world.memory.0.slots.get(world.key()).unwrap();
    let kept = slot.with(|here| here.gallery.keys_of(&last.number()).count());
    assert_eq!(kept, Some(0));
}

#[tokio::test]
async fn who_is_deleted_while_a_gallery_is_built_is_not_left_in_its_file() {
    let world = World::new().await;
    let last = world.enroll_enough().await;
    let deleting = async {
        while world.memory.0.reading.available_permits() == READ_AT_A_TIME {
            tokio::task::yield_now().await;
        }
        let slot = world.memory.0.slots.get(world.key()).unwrap();
        assert!(slot.with(|_| ()).is_none(), "it is not there yet");
        world.memory.remove_person(world.account, last, &[world.collection]).await.unwrap();
    };
    tokio::join!(world.find(1), deleting);
    assert!(!world.snapshot().exists());
}

#[tokio::test]
async fn a_restart_reads_the_snapshot_and_catches_up() {
    let mut world = World::new().await;
    world.enroll_enough().await;
    world.find(1).await;
    // Somebody who is in no database: only the snapshot can know of them.
    let slot = world.memory.0.slots.get(world.key()).unwrap();
    let ghost = new_id(Kind::Enrollment);
    slot.change(|here| Arc::make_mut(&mut here.gallery).put(7, ghost.number(), &vector(90_001)));
    world.memory.close().await.unwrap();
    let late = world.enroll([90_002].into_iter()).await;
    world.restart();
    assert!(exactly(ghost)(world.find(90_001).await), "it came from the snapshot");
    assert!(exactly(late)(world.find(90_002).await), "and caught up");

    std::fs::write(world.snapshot(), b"nothing of use, and longer than the header of a snapshot").unwrap();
    world.restart();
    assert!(!exactly(ghost)(world.find(90_001).await), "a damaged one is made again");
    assert!(exactly(late)(world.find(90_002).await));
}

#[tokio::test]
async fn a_snapshot_is_written_again_only_after_changes() {
    use std::os::unix::fs::MetadataExt as _;
    let mut world = World::new().await;
    world.enroll_enough().await;
    // Each writing makes a new file.
    let file = async |world: &World| {
        world.memory.close().await.unwrap();
        std::fs::metadata(world.snapshot()).unwrap().ino()
    };
    world.find(1).await;
    let built = file(&world).await;
    assert_eq!(file(&world).await, built);
    world.restart();
    world.find(1).await;
    assert_eq!(file(&world).await, built, "it was read and not changed");
    world.enroll([90_001].into_iter()).await;
    world.find(1).await;
    let changed = file(&world).await;
    assert_ne!(changed, built);
    assert_eq!(file(&world).await, changed);
}

#[tokio::test]
async fn a_collection_that_outgrows_the_memory_is_refused_until_it_shrinks() {
    let mut world = World::new().await;
    world.memory = Memory::new(world.db.clone(), keyring(), 2, world.folder.path().join("galleries"), 1);
    let (ada, bob) = (world.enroll([1].into_iter()).await, world.enroll([2].into_iter()).await);
    assert!(exactly(ada)(world.search(1).await.unwrap()));
    let eve = world.enroll([3].into_iter()).await;
    for _ in 0..2 {
        let refused = world.search(1).await;
        assert!(matches!(refused, Err(Error::TooLarge { embeddings: 3, limit: 2 })), "{refused:?}");
    }
    let mut tx = world.db.write(world.account).await.unwrap();
    remove_member(&mut tx, world.account, world.collection, eve, crate::clock::now_us()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(exactly(bob)(world.search(2).await.unwrap()));
}

#[tokio::test]
async fn a_client_that_gives_up_does_not_undo_what_others_wait_for() {
    let world = World::new().await;
    world.enroll(0..100).await;
    let state = collections::state(&world.db, world.account, world.collection).await.unwrap();
    let space = Space {
        account: world.account,
        collection: world.collection,
        state: &state,
        model: MODEL,
        dimension: DIMENSION,
    };
    assert!(world.memory.search(space, vec![vector(1)], 1).now_or_never().is_none(), "it takes a while");
    let slot = world.memory.0.slots.get(world.key()).unwrap();
    for _ in 0..1_000 {
        if slot.is_current(&space) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nobody went on with it");
}

#[tokio::test]
async fn what_is_removed_leaves_the_disk_whoever_removed_it_and_whatever_was_interrupted() {
    let mut world = World::new().await;
    let person = world.enroll_enough().await;
    world.find(1).await;
    world.memory.sweep().await.unwrap();
    assert!(world.snapshot().exists(), "a file that holds nothing removed stays");

    // Another server, or this one before it was killed: the commit is all that happened.
    let mut tx = world.db.write(world.account).await.unwrap();
    enrollments::delete(&mut tx, world.account, person, crate::clock::now_us()).await.unwrap();
    tx.commit().await.unwrap();
    let unfinished = world.snapshot().with_extension("new");
    std::fs::copy(world.snapshot(), &unfinished).unwrap();
    // The gallery in memory is of before the removal as well: it is not written.
    world.memory.close().await.unwrap();
    assert!(!world.snapshot().exists(), "a running server sweeps");
    world.restart();
    world.memory.open().await.unwrap();
    assert!(!unfinished.exists(), "a start removes what was not finished");

    world.enroll(20_000..20_100).await;
    world.find(1).await;
    assert!(world.snapshot().exists(), "the collection has a file again");
    let mut tx = world.db.write(world.account).await.unwrap();
    collections::delete(&mut tx, world.account, world.collection, crate::clock::now_us()).await.unwrap();
    tx.commit().await.unwrap();
    world.restart();
    world.memory.open().await.unwrap();
    assert!(!world.snapshot().exists(), "a start removes the file of a collection that is gone");
}

impl World {
    /// A world with a snapshot, and what the snapshot holds in plain.
    async fn with_snapshot() -> (Self, Vec<u8>) {
        let world = World::new().await;
        world.enroll_enough().await;
        world.find(1).await;
        let mut plain = Vec::new();
        let encode = |subject: &u128, bytes: &mut Vec<u8>| bytes.extend(subject.to_le_bytes());
        let slot = world.memory.0.slots.get(world.key()).unwrap();
        slot.with(|here| here.gallery.save(&mut plain, b"", encode)).unwrap().unwrap();
        (world, plain)
    }

    /// Puts a file in the place of the snapshot and loads it.
    async fn load(&self, file: &[u8], as_of: CollectionKey) -> Option<LoadedGallery> {
        let path = self.snapshot().with_file_name(format!("{}.gallery", as_of.collection));
        std::fs::write(&path, file).unwrap();
        let loaded = self.memory.0.load(as_of, MODEL).await.unwrap();
        assert_eq!(path.exists(), loaded.is_some(), "a file that cannot be read goes");
        loaded
    }
}

#[tokio::test]
async fn a_snapshot_holds_no_embedding_in_plain() {
    let (world, plain) = World::with_snapshot().await;
    let sealed = std::fs::read(world.snapshot()).unwrap();
    let windows = |file: &[u8]| file.windows(16).map(<[u8]>::to_vec).collect::<std::collections::HashSet<_>>();
    let (in_plain, in_sealed) = (windows(&plain), windows(&sealed));
    assert!(sealed.len() > plain.len() && in_plain.len() > 100_000);
    assert!(in_plain.is_disjoint(&in_sealed));
}

#[tokio::test]
async fn a_snapshot_that_was_changed_cut_or_put_in_the_place_of_another_is_built_again() {
    let (world, plain) = World::with_snapshot().await;
    let (own, sealed) = (world.key(), std::fs::read(world.snapshot()).unwrap());
    assert!(world.load(&sealed, own).await.is_some());
    let end = sealed.len();
    // The magic, both numbers, the form, the id of the key, the nonce, chunks, and the last tag.
    for at in [0, 8, 16, 24, 25, 40, 60, 70_000, end - 20, end - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(world.load(&changed, own).await.is_none(), "byte {at}");
    }
    // Also between two chunks.
    for length in [0, 7, 24, 47, 48, 100, 48 + (65_536 + 16), 48 + 2 * (65_536 + 16), end - 1] {
        assert!(world.load(&sealed[..length], own).await.is_none(), "{length} bytes");
    }
    assert!(world.load(&[&sealed[..], b"x"].concat(), own).await.is_none());
    let another_version = [&sealed[..24], &plain[..]].concat();
    assert!(world.load(&another_version, own).await.is_none(), "a plain gallery is not read");

    let other = CollectionKey { collection: new_id(Kind::Collection), ..own };
    assert!(world.load(&sealed, other).await.is_none(), "another collection's");
    let mut tx = world.db.write_unlocked().await.unwrap();
    let stranger = accounts::get_or_insert(&mut tx, new_id(Kind::Account), "strangers", 1).await.unwrap().id;
    tx.commit().await.unwrap();
    let theirs = CollectionKey { account: stranger, ..own };
    std::fs::write(world.snapshot(), &sealed).unwrap();
    assert!(world.memory.0.load(theirs, MODEL).await.unwrap().is_none(), "they have no key");
    let strange_key = DataKey::generate(&keyring(), stranger).unwrap().0;
    assert!(world.memory.0.folder.load(&strange_key, theirs, MODEL).is_none(), "another account's");

    std::fs::write(world.snapshot(), &sealed[..1_000]).unwrap();
    let mut world = world;
    world.restart();
    assert!(world.find(1).await.is_some_and(|hit| hit.cosine > 0.999), "a search notices nothing");
    assert!(std::fs::metadata(world.snapshot()).unwrap().len() > 1_000, "and has it written again");
}

#[tokio::test]
async fn a_start_removes_plain_snapshots_of_earlier_versions() {
    let (mut world, plain) = World::with_snapshot().await;
    let sealed = std::fs::read(world.snapshot()).unwrap();
    world.restart();
    world.memory.open().await.unwrap();
    assert!(world.snapshot().exists());
    std::fs::write(world.snapshot(), [&sealed[8..24], &plain[..]].concat()).unwrap();
    world.restart();
    world.memory.open().await.unwrap();
    assert!(!world.snapshot().exists());
}
