//! Vector engines that servers share, PostgreSQL with pgvector and Milvus: search among many embeddings, and what a second
//! server on the same database adds.
//!
//! `scripts/with-postgres.sh cargo bench -p vultus --bench postgres -- [embeddings ...]` (default 5,000, 10,000 and
//! 100,000, and then the second server). The embeddings are those of the gallery's benchmark, two photos of each person, and
//! so is the exact search that recall is measured against. Milvus is measured where `TEST_MILVUS_URL` names one: put
//! `scripts/with-milvus.py` before the command. Needs the models for the servers, as the http benchmark does.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../tests/api/database.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "a harness of tests")]
mod database;
#[path = "../../gallery/benches/faces/mod.rs"]
mod faces;
#[expect(dead_code, reason = "the other benchmarks use more of it")]
mod node;

use std::time::{Duration, Instant};

use database::Database;
use faces::{DIMENSION, Random, World};
use node::{ENROLLED, Server, jpeg_1280x960, throughput};
use vultus::app::new_id;
use vultus::clock::now_us;
use vultus::keyring::Keyring;
use vultus::model::Model;
use vultus::seal;
use vultus::search::{Milvus, Postgres, VectorIndex};
use vultus_gallery::{Gallery, SHORTLIST};
use vultus_store::collections::{self, NewCollection};
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{self, Facts, NewEnrollment};
use vultus_store::{Db, Id, Kind, accounts, vectors};

const MODEL: &str = "fr_feature";
const SIZES: [usize; 3] = [5_000, 10_000, 100_000];
/// Probes: further photos of people in the collection.
const PROBES: usize = 500;
/// People stored in one transaction.
const BATCH: usize = 500;
/// How long Milvus is left alone with what it was given.
const MILVUS_INDEXES: Duration = Duration::from_mins(2);
/// Pairs of throughputs, of which the bench reports the best: other programs on the machine only ever take away.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    for size in if sizes.is_empty() { &SIZES } else { sizes.as_slice() } {
        search(*size).await?;
    }
    if sizes.is_empty() { nodes().await } else { Ok(()) }
}

/// A collection in a database of its own.
struct Space {
    db: Db,
    account: Id,
    collection: Id,
}

async fn search(size: usize) -> anyhow::Result<()> {
    let (world, database) = (World::new(), Database::on_postgres().await);
    let db = Db::connect(&database.url()).await?.sealed_by(seal::sealer(&Keyring::new(vec![7; 32], Vec::new())));
    let mut tx = db.write_unlocked().await?;
    let account = accounts::get_or_insert(&mut tx, new_id(Kind::Account)?, "bench", now_us()).await?.id;
    tx.commit().await?;
    let new = NewCollection { id: new_id(Kind::Collection)?, name: "bench", unknowns: true };
    let mut tx = db.write(account).await?;
    collections::insert(&mut tx, account, &new, now_us()).await?;
    tx.commit().await?;
    let space = Space { db, account, collection: new.id };
    let start = Instant::now();
    let (ids, gallery) = fill(&space, &world, size).await?;
    println!("\n{size} embeddings; storing one {:.2} ms", start.elapsed().as_secs_f64() * 1e3 / size as f64);
    let mut random = Random(77);
    let persons: Vec<usize> = (0..PROBES).map(|_| (random.next() >> 20) as usize % ids.len()).collect();
    let probes: Vec<Vec<f32>> = persons.iter().map(|person| world.photo(*person, 2)).collect();
    let slices: Vec<&[f32]> = probes.iter().map(Vec::as_slice).collect();
    let exact = gallery.search_exactly(&slices, 1, 2);
    let nearest: Vec<Id> = exact.iter().map(|found| ids[found[0].subject as usize]).collect();
    let postgres = Postgres::new(space.db.clone());
    measure("without an index", &postgres, &space, &probes[..50], &nearest).await?;
    let start = Instant::now();
    if vectors::maintain(&space.db).await? {
        println!("  index built in {:.1?}", start.elapsed());
        measure("with its index", &postgres, &space, &probes, &nearest).await?;
    }
    if let Ok(url) = std::env::var("TEST_MILVUS_URL") {
        milvus(&url, &space, &probes, &nearest).await?;
    }
    space.db.close().await;
    Ok(())
}

/// Stores two photos of each person; gives the enrollments, and a gallery whose subjects are their positions.
async fn fill(space: &Space, world: &World, size: usize) -> anyhow::Result<(Vec<Id>, Gallery<u32>)> {
    let (mut ids, mut gallery) = (Vec::with_capacity(size / 2), Gallery::new(DIMENSION));
    while ids.len() < size / 2 {
        let mut batch = Vec::with_capacity(BATCH);
        for person in ids.len()..(size / 2).min(ids.len() + BATCH) {
            let vectors = [world.photo(person, 0), world.photo(person, 1)];
            vectors.iter().for_each(|vector| gallery.insert(person as u32, vector));
            let embedding = |vector| {
                let (id, model) = (new_id(Kind::Embedding)?, MODEL.to_owned());
                anyhow::Ok(NewEmbedding { id, model, vector, quality: None })
            };
            batch.push(NewEnrollment {
                id: new_id(Kind::Enrollment)?,
                facts: Facts::default(),
                collection_id: Some(space.collection),
                embeddings: vectors.into_iter().map(embedding).collect::<Result<_, _>>()?,
            });
        }
        let mut tx = space.db.write(space.account).await?;
        for new in &batch {
            enrollments::insert(&mut tx, space.account, new, now_us()).await?;
        }
        tx.commit().await?;
        ids.extend(batch.iter().map(|one| one.id));
    }
    Ok((ids, gallery))
}

async fn milvus(url: &str, space: &Space, probes: &[Vec<f32>], nearest: &[Id]) -> anyhow::Result<()> {
    let milvus =
        Milvus::new(space.db.clone(), url, Model { name: MODEL.to_owned(), dimension: DIMENSION }, Milvus::PATIENCE)?;
    let start = Instant::now();
    milvus.maintain().await?;
    println!("  Milvus filled in {:.1?}", start.elapsed());
    measure("Milvus at once", &milvus, space, probes, nearest).await?;
    // It seals and indexes in the background what is large enough.
    tokio::time::sleep(MILVUS_INDEXES).await;
    measure(&format!("Milvus {MILVUS_INDEXES:?} later"), &milvus, space, probes, nearest).await?;
    Ok(milvus.remove_collection(space.account, space.collection).await?)
}

/// What an identification asks of the engine and the database: the search, and then the rows of those who were found.
async fn measure(
    label: &str,
    engine: &dyn VectorIndex,
    space: &Space,
    probes: &[Vec<f32>],
    nearest: &[Id],
) -> anyhow::Result<()> {
    let Space { db, account, collection } = space;
    let state = collections::state(db, *account, *collection).await?;
    let (account, collection) = (*account, *collection);
    let (mut searches, mut totals, mut right) = (Vec::new(), Vec::new(), 0);
    for (probe, nearest) in probes.iter().zip(nearest) {
        let start = Instant::now();
        let what = vultus::search::Space { account, collection, state: &state, model: MODEL, dimension: DIMENSION };
        let found = engine.search(what, vec![probe.clone()], SHORTLIST).await?.concat();
        searches.push(start.elapsed());
        let ids: Vec<Id> = found.iter().map(|hit| hit.enrollment).collect();
        let members = collections::members(db, account, collection, MODEL, &ids).await?;
        totals.push(start.elapsed());
        anyhow::ensure!(members.len() == SHORTLIST, "members are missing");
        right += usize::from(ids.first() == Some(nearest));
    }
    let recall = right as f64 / probes.len() as f64;
    println!(
        "  {label}: search {}; with the rows of the {SHORTLIST} best {}; recall@1 {recall:.3}",
        times(searches),
        times(totals)
    );
    Ok(())
}

fn times(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

/// Identification by one server and by two, each with one inference thread, on one database.
async fn nodes() -> anyhow::Result<()> {
    let (jpeg, database) = (jpeg_1280x960()?, Database::on_postgres().await);
    let url = database.url();
    let first = Server::start(1, Some(&url), None).await?;
    let collection = first.enroll_people(&jpeg).await?;
    let second = Server::start(1, Some(&url), Some(&first.key)).await?;
    let mut best = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let one = throughput(|_| first.identify(&jpeg, &collection)).await?;
        let both = throughput(|client| [&first, &second][client % 2].identify(&jpeg, &collection)).await?;
        best = (one.max(best.0), both.max(best.1));
    }
    let (one, both) = best;
    println!("\nidentify among {ENROLLED}, one server:  {one:>8.1} requests/s");
    println!("identify among {ENROLLED}, two servers: {both:>8.1} requests/s, {:.2} x", both / one);
    Ok(())
}
