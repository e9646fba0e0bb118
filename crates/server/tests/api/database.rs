//! A database of its own for each test: a SQLite file, or with `TEST_DATABASE=postgres` one on the server of
//! `TEST_POSTGRES_URL`.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// A PostgreSQL database that goes with the test.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A new database, or none when the tests run on SQLite.
    pub async fn create() -> Option<Self> {
        if std::env::var("TEST_DATABASE").as_deref() != Ok("postgres") {
            return None;
        }
        Some(Self::on_postgres().await)
    }

    /// A new database on the server of `TEST_POSTGRES_URL`.
    pub async fn on_postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names a PostgreSQL server");
        let name = format!("vultus_api_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(&server, format!("create database {name}")).await;
        Self { server, name }
    }

    /// The address for `--database-url`.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("an address ends with the name of a database");
        format!("{server}/{}", self.name)
    }
}

impl Drop for Database {
    /// On a thread of its own, since the runtime of the test cannot be waited for here.
    fn drop(&mut self) {
        let text = format!("drop database {} with (force)", self.name);
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&self.server, text));
        };
        std::thread::scope(|scope| _ = scope.spawn(work).join());
    }
}

/// Keeps all writers of a database waiting.
pub enum Lock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Lock {
    pub async fn take(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
            return Self::Sqlite(connection);
        }
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql("begin; select 1 from accounts for update").execute(&mut connection).await.unwrap();
        Self::Postgres(connection)
    }

    pub async fn release(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

/// Runs a statement on either database.
pub async fn run_sql(url: &str, text: &'static str) {
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        execute(url, text.to_owned()).await;
    }
}

async fn execute(server: &str, text: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
