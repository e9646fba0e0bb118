//! `vultus keys`: creates, lists and revokes API keys. It uses the database, so the server may run.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;
use vultus_store::keys::ApiKey;
use vultus_store::{Id, Kind, accounts};
use zeroize::Zeroizing;

use super::{open, open_with_keyring, print};
use crate::auth::keys::{self, Given, NewKey};
use crate::auth::principal::{Answers, Scope};
use crate::clock;
use crate::config::Data;

/// Room for a key and white space around it.
const MAX_SECRET_FILE_BYTES: u64 = 4096;

/// Arguments of `vultus keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a key and show it once.
    Create {
        /// Account that the key acts for. The command creates it if needed. Accounts do not see each other's data.
        #[arg(long, value_name = "NAME")]
        account: String,
        /// What the key is for.
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// Something that the key may do. Repeat the option for more [default: everything]
        /// [possible values: detect, spoof, match, identify, enrollments:read, enrollments:write, collections:read,
        /// collections:write].
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// Create a key in test mode. A client with this key can ask for any documented error, with the header
        /// x-sandbox-status, to test how it handles errors.
        #[arg(long)]
        test: bool,
        /// Form of `data` in the answers of match and identify: `object`, or `arrays` for old clients that read a list. A list
        /// has an item for each face, largest first.
        #[arg(long, value_name = "FORM", default_value_t)]
        answers: Answers,
        /// First moment at which the key no longer works, UTC: 2027-01-31 or 2027-01-31T12:00:00 [default: never].
        #[arg(long, value_name = "DATE", value_parser = future)]
        expires: Option<i64>,
        /// File with the text of the key, for a client whose key cannot be changed: 8 to 200 visible ASCII characters. White space
        /// around it is ignored [default: a new random key].
        #[arg(long, value_name = "FILE")]
        secret_from: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
    /// List all keys, also those that no longer work. The secrets of the keys are not stored and cannot be shown.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Revoke a key, at once and for good.
    Revoke {
        /// Id of the key, as `vultus keys list` shows it.
        id: String,
        #[command(flatten)]
        data: Data,
    },
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Create { account, name, scopes, test, answers, expires, secret_from, json, data } => {
            let scopes = if scopes.is_empty() { &Scope::ALL } else { scopes.as_slice() };
            let new = NewKey { account: account.trim(), name: name.trim(), scopes, test, answers, expires };
            create(&data, &new, secret_from.as_deref(), json).await
        }
        Command::List { json, data } => list(&data, json).await,
        Command::Revoke { id, data } => revoke(&data, &id).await,
    }
}

async fn create(data: &Data, new: &NewKey<'_>, secret_from: Option<&Path>, as_json: bool) -> anyhow::Result<()> {
    if new.account.is_empty() || new.name.is_empty() {
        bail!("--account and --name must not be empty");
    }
    let given = secret_from.map(read_secret).transpose()?;
    let (db, keyring) = open_with_keyring(data).await?;
    let (id, text) = if let Some(given) = &given {
        (keys::adopt(&db, &keyring, new, given).await?, None)
    } else {
        let key = keys::mint(&db, &keyring, new).await?;
        (key.id, Some(key.text))
    };
    if as_json {
        let shown = json!({
            "id": id.to_string(),
            "key": text,
            "account": new.account,
            "name": new.name,
            "scopes": new.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
            "test": new.test,
            "answers": new.answers.name(),
            "expires": new.expires.map(clock::format),
        });
        return print(&shown.to_string());
    }
    let made = match text {
        Some(text) => format!("{text}\n\nThis key is shown only once."),
        None => "The given text is a key from now on.".to_owned(),
    };
    print(&format!("{made} To revoke it: vultus keys revoke {id}"))
}

/// The text of a key that a client has already. Warns if it is short.
fn read_secret(file: &Path) -> anyhow::Result<Given> {
    let problem = || format!("--secret-from {}", file.display());
    let mut text = Zeroizing::new(String::new());
    File::open(file)
        .and_then(|file| file.take(MAX_SECRET_FILE_BYTES).read_to_string(&mut text))
        .with_context(problem)?;
    let given = text.parse::<Given>().with_context(problem)?;
    if given.is_short() {
        let warning = "warning: a key of fewer than 32 characters may be guessed: replace it as soon as the client can take another";
        writeln!(io::stderr(), "{warning}")?;
    }
    Ok(given)
}

async fn list(data: &Data, as_json: bool) -> anyhow::Result<()> {
    let db = open(data).await?;
    let accounts = accounts::list(&db).await?;
    let names: HashMap<Id, String> = accounts.into_iter().map(|account| (account.id, account.name)).collect();
    let now = clock::now_us();
    let keys = vultus_store::keys::list(&db, None).await?;
    if as_json {
        let shown: Vec<_> = keys.iter().map(|key| key_json(key, &names, now)).collect();
        return print(&serde_json::Value::from(shown).to_string());
    }
    let mut text = format!("{:<23}  {:<8}  {:<19}  {:<16}  {}", "ID", "STATE", "CREATED", "ACCOUNT", "NAME (SCOPES)");
    for key in &keys {
        let created = clock::format(key.created);
        let account = names.get(&key.account_id).map_or("", String::as_str);
        let scopes = if key.scopes.split(' ').count() == Scope::ALL.len() { "all" } else { &key.scopes };
        let (state, created, mode) = (state(key, now), &created[..19], if key.test { " [test mode]" } else { "" });
        let answers = if key.answers == Answers::Arrays.name() { " [arrays]" } else { "" };
        let _ =
            write!(text, "\n{}  {state:<8}  {created}  {account:<16}  {} ({scopes}){mode}{answers}", key.id, key.name);
    }
    print(&text)
}

fn key_json(key: &ApiKey, names: &HashMap<Id, String>, now: i64) -> serde_json::Value {
    json!({
        "id": key.id.to_string(),
        "account": names.get(&key.account_id),
        "name": key.name,
        "scopes": key.scopes.split(' ').collect::<Vec<_>>(),
        "test": key.test,
        "answers": key.answers,
        "state": state(key, now),
        "created": clock::format(key.created),
        "expires": key.expires.map(clock::format),
        "revoked": key.revoked.map(clock::format),
    })
}

fn state(key: &ApiKey, now: i64) -> &'static str {
    if key.revoked.is_some() {
        "revoked"
    } else if key.expires.is_some_and(|expires| expires <= now) {
        "expired"
    } else {
        "active"
    }
}

async fn revoke(data: &Data, id: &str) -> anyhow::Result<()> {
    let db = open(data).await?;
    let unknown = "there is no key with this id: see `vultus keys list`";
    let id = id.parse::<Id>().ok().filter(|id| id.kind() == Kind::Key).context(unknown)?;
    let key = vultus_store::keys::by_id(&db, id).await.context(unknown)?;
    let mut tx = db.write(key.account_id).await?;
    vultus_store::keys::revoke(&mut tx, key.account_id, id, clock::now_us()).await?;
    tx.commit().await?;
    print(&format!("revoked {id} ({})", key.name))
}

/// A moment to come, in microseconds since 1970.
fn future(text: &str) -> Result<i64, String> {
    let moment = clock::parse(text).ok_or("not a date: give 2027-01-31 or 2027-01-31T12:00:00 (UTC)")?;
    if moment <= clock::now_us() {
        return Err("in the past: the key would never work".to_owned());
    }
    Ok(moment)
}
