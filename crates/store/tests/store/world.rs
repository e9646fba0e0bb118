//! A database of its own for each test, with two accounts, a clock and ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use vultus_store::blobs::{self, Key};
use vultus_store::embeddings::NewEmbedding;
use vultus_store::enrollments::{Facts, FactsUpdate, NewEnrollment};
use vultus_store::{DataKey, Db, Id, Kind, Micros, SealError, Sealer, accounts, collections, enrollments};

pub(crate) const MODEL: &str = "fr_feature";
pub(crate) const MAX: u32 = 100;

/// Stands in for the server's cipher, which is not the store's to know: hides content, and is as strict about labels.
struct Scrambler;

/// The account and a key of one byte.
struct Scrambled(Id, u8);

impl Sealer for Scrambler {
    fn generate(&self, account: Id) -> Result<Vec<u8>, SealError> {
        Ok([&[now().to_le_bytes()[0]], account.to_bytes().as_slice()].concat())
    }

    fn unwrap(&self, account: Id, wrapped: &[u8]) -> Result<Box<dyn DataKey>, SealError> {
        match wrapped.split_first() {
            Some((key, of)) if of == account.to_bytes() => Ok(Box::new(Scrambled(account, *key))),
            _ => Err("not the key of this account".into()),
        }
    }
}

impl Scrambled {
    fn label(&self, kind: &str, id: &[u8]) -> Vec<u8> {
        let label = [&[self.1], self.0.to_bytes().as_slice(), kind.as_bytes(), b" ", id].concat();
        if label.len() % 2 == 0 { [&label, &b" "[..]].concat() } else { label }
    }
}

impl DataKey for Scrambled {
    fn seal(&self, kind: &str, id: &[u8], content: &[u8]) -> Result<Vec<u8>, SealError> {
        let scrambled = content.iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>();
        Ok([self.label(kind, id), scrambled].concat())
    }

    fn open(&self, kind: &str, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let scrambled = sealed.strip_prefix(self.label(kind, id).as_slice()).ok_or("not what its label says")?;
        Ok(scrambled.iter().map(|byte| byte ^ 0x5a).collect())
    }
}

static TICKS: AtomicI64 = AtomicI64::new(0);

/// A clock that moves by a microsecond whenever it is read.
pub(crate) fn now() -> Micros {
    1_795_000_000_000_000 + TICKS.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn new_id(kind: Kind) -> Id {
    let now = now();
    Id::new(kind, now, now.to_le_bytes())
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) db: Db,
    pub(crate) account: Id,
    /// Another tenant.
    pub(crate) stranger: Id,
}

/// Runs a test on a fresh database of each kind.
pub(crate) async fn on_each_database(test: impl AsyncFn(World)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("vultus.db").display());
    run(&url, &test).await;
    on_postgres(test).await;
}

/// Runs a test on a fresh PostgreSQL database.
pub(crate) async fn on_postgres(test: impl AsyncFn(World)) {
    on_empty_postgres(async |url| run(url, &test).await).await;
}

/// Runs a test on the address of a PostgreSQL database without any table.
pub(crate) async fn on_empty_postgres(test: impl AsyncFn(&str)) {
    let server =
        std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names a server: use scripts/with-postgres.sh");
    let name = format!("vultus_test_{}_{}", std::process::id(), TICKS.fetch_add(1, Ordering::Relaxed));
    let mut admin = PgConnection::connect(&server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    test(&format!("{base}/{name}")).await;
    sqlx::raw_sql(AssertSqlSafe(format!("drop database {name} with (force)"))).execute(&mut admin).await.unwrap();
}

async fn run(url: &str, test: &impl AsyncFn(World)) {
    let world = World::open(url).await;
    test(world.clone()).await;
    world.db.close().await;
}

impl World {
    pub(crate) async fn open(url: &str) -> World {
        let db = Db::connect(url).await.unwrap().sealed_by(Arc::new(Scrambler));
        let account = Self::account_called(&db, "ours").await.id;
        let stranger = Self::account_called(&db, "theirs").await.id;
        World { url: url.into(), db, account, stranger }
    }

    /// The account called `name`, which is made if there is none.
    pub(crate) async fn account_called(db: &Db, name: &str) -> accounts::Account {
        let mut tx = db.write_unlocked().await.unwrap();
        let account = accounts::get_or_insert(&mut tx, new_id(Kind::Account), name, now()).await.unwrap();
        tx.commit().await.unwrap();
        account
    }

    pub(crate) async fn enroll(&self, name: &str, embeddings: usize, collection: Option<Id>) -> Id {
        let new = enrollment(name, embeddings, collection);
        written!(self.db, self.account, enrollments::insert(&new, now())).await.unwrap();
        new.id
    }

    pub(crate) async fn collection(&self, name: &str) -> Id {
        let new = collections::NewCollection { id: new_id(Kind::Collection), name, unknowns: true };
        written!(self.db, self.account, collections::insert(&new, now())).await.unwrap();
        new.id
    }

    /// The version and all embeddings of a collection.
    pub(crate) async fn gallery(&self, collection: Id) -> (i64, Vec<collections::MemberEmbedding>) {
        let mut reader = collections::Reader::open(&self.db, self.account, collection).await.unwrap();
        let mut rows = Vec::new();
        loop {
            let page = reader.page().await.unwrap();
            if page.is_empty() {
                return (reader.version, rows);
            }
            rows.extend(page);
        }
    }

    pub(crate) async fn state(&self, collection: Id) -> collections::State {
        collections::state(&self.db, self.account, collection).await.unwrap()
    }

    /// Whether no connection to a PostgreSQL database stays in a transaction. The pool takes a moment to roll back.
    pub(crate) async fn leaves_no_transaction(&self) -> bool {
        if !self.db.is_postgres() {
            return true;
        }
        let mut admin = PgConnection::connect(&self.url).await.unwrap();
        let text = "select count(*) from pg_stat_activity \
                    where datname = current_database() and state like 'idle in transaction%'";
        for _ in 0..100 {
            let left: i64 = sqlx::query_scalar(text).fetch_one(&mut admin).await.unwrap();
            if left == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// Notes that the pictures of embeddings are kept. Gives their keys.
    pub(crate) async fn keep_images(&self, embeddings: &[Id], expires: Option<Micros>) -> Vec<Key> {
        let key = |id: &Id| Key { account: self.account, kind: blobs::Kind::Image, id: *id };
        let keys: Vec<Key> = embeddings.iter().map(key).collect();
        let mut tx = self.db.write(self.account).await.unwrap();
        for key in &keys {
            blobs::insert(&mut tx, *key, expires, now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        keys
    }

    pub(crate) async fn version(&self, collection: Id) -> i64 {
        self.state(collection).await.version
    }
}

pub(crate) fn enrollment(name: &str, count: usize, collection_id: Option<Id>) -> NewEnrollment {
    let embeddings = (0..count).map(|i| embedding(i as f32)).collect();
    let facts = Facts { name: name.into(), ..Facts::default() };
    NewEnrollment { id: new_id(Kind::Enrollment), facts, collection_id, embeddings }
}

/// Adds embeddings to an enrollment, and changes nothing else of it.
pub(crate) async fn append(db: &Db, account: Id, id: Id, new: &[NewEmbedding], max: u32) -> vultus_store::Result<()> {
    written!(db, account, enrollments::extend(id, new, &FactsUpdate::default(), max, now())).await
}

/// An embedding whose values all are `mark`.
pub(crate) fn embedding(mark: f32) -> NewEmbedding {
    NewEmbedding {
        id: new_id(Kind::Embedding),
        model: MODEL.into(),
        vector: vec![mark; 8],
        quality: Some("{\"sharpness\":0.5}".into()),
    }
}

/// Calls one function of the store that writes, in a transaction of its own: `written!(db, account, enrollments::delete(id, now()))`.
macro_rules! written {
    ($db:expr, $account:expr, $($function:ident)::+ ( $($argument:expr),* $(,)? )) => {
        async {
            let mut tx = $db.write($account).await?;
            let done = $($function)::+(&mut tx, $account, $($argument),*).await?;
            tx.commit().await?;
            Ok::<_, vultus_store::Error>(done)
        }
    };
}
pub(crate) use written;

/// Asserts that a result is the named variant of `Error` for this id.
macro_rules! assert_fails {
    ($result:expr, $variant:ident, $kind:ident, $id:expr) => {{
        let error = $result.unwrap_err();
        let as_expected = matches!(
            error,
            vultus_store::Error::$variant { kind: vultus_store::Kind::$kind, id } if id == $id
        );
        assert!(as_expected, "{error:?}");
    }};
}
pub(crate) use assert_fails;
