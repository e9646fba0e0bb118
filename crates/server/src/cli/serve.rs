//! `vultus serve`: the first start creates everything that is missing. Later starts are quick.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use vultus_store::Db;

use super::{open_with_keyring, print};
use crate::app::App;
use crate::auth::keys::{self, NewKey};
use crate::config::Config;
use crate::jobs::{self, Tools};
use crate::keyring::Keyring;
use crate::lists::{self, Schedule};
use crate::pools::{Engine, Pool, faces};
use crate::{descriptors, fetch, http, search};

/// Arguments of `vultus serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: Config,
    /// Run no jobs, such as fitting classifiers. Run `vultus worker` instead.
    #[arg(long, env = "VULTUS_NO_WORKER")]
    no_worker: bool,
}

/// Serves until SIGTERM or SIGINT, and then finishes the running requests.
///
/// # Errors
/// What keeps the server from starting, and what to do about it.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut config = args.config;
    descriptors::make_room(&mut config.http)?;
    let (db, keyring) = open_with_keyring(&config.data).await?;
    // Before the models are fetched, which takes long: an address that is in use is reported at once.
    let listener = listen(config.http.listen, "--listen").await?;
    let metrics = match config.http.metrics_listen {
        Some(address) => Some(listen(address, "--metrics-listen").await?),
        None => None,
    };
    let models = config.data.models_dir();
    tokio::task::spawn_blocking(move || fetch::ensure(&models)).await??;
    let engines = Arc::new(faces::start(&config)?);
    let result = serve(config, listener, metrics, db, keyring, engines.clone(), !args.no_worker).await;
    tokio::task::spawn_blocking(move || engines.stop()).await?;
    result
}

async fn serve(
    config: Config,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    db: Db,
    keyring: Keyring,
    engines: Arc<Pool<Engine>>,
    work: bool,
) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let schedule = Schedule::new(&config.screening, &config.outbound)?;
    let address = listener.local_addr()?;
    let app = App::new(config, db, engines, keyring)?;
    mint_first_key(&app, address).await?;
    search::settle(app.vectors.open()).await;
    tracing::info!(%address, data = %app.config.data.data_dir.display(), "listening");
    let server = http::wire::listen::serve(listener, app.clone(), stop);
    let metrics = serve_metrics(metrics, app.clone())?;
    let failure = load_failure(app.clone());
    let tools = Tools::new(&app.config, app.db.clone(), app.keyring.clone(), app.vectors.clone())?;
    let worker = work.then(|| tokio::spawn(jobs::run(tools, std::future::pending())));
    let lists = lists::keep(app.screening.clone(), schedule);
    let swept = search::keep_swept(app.vectors.clone());
    let result = tokio::select! {
        () = server => Ok(()),
        error = failure => Err(error),
        () = lists => Ok(()),
        () = swept => Ok(()),
        () = metrics => Ok(()),
    };
    if let Some(worker) = worker {
        worker.abort();
    }
    let closed = app.vectors.close().await.context("cannot write the snapshots of galleries");
    app.db.close().await;
    result.and(closed)
}

async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: stop the program that uses it, or choose another address with {option}")
    })
}

/// Serves metrics if an address for them is configured. Never ends.
fn serve_metrics(listener: Option<TcpListener>, app: Arc<App>) -> anyhow::Result<impl Future<Output = ()>> {
    if let Some(listener) = &listener {
        tracing::info!(address = %listener.local_addr()?, "metrics");
    }
    Ok(async move {
        match listener {
            Some(listener) => http::wire::listen::serve_metrics(listener, app, std::future::pending()).await,
            None => std::future::pending().await,
        }
    })
}

/// The error of engines that do not load. Never ends if they load.
async fn load_failure(app: Arc<App>) -> anyhow::Error {
    match app.engines.loaded().await {
        Ok(()) => {
            tracing::info!(threads = app.config.engine.threads(), "ready");
            std::future::pending().await
        }
        Err(reason) => anyhow!("cannot load the models: {reason}"),
    }
}

/// If there has never been a key, creates the account `default` and a key for it, and shows how to use it.
async fn mint_first_key(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    if vultus_store::keys::count(&app.db, None).await? > 0 {
        return Ok(());
    }
    let new = NewKey { account: "default", name: "first key", ..NewKey::ANY };
    let key = keys::mint(&app.db, &app.keyring, &new).await?.text;
    let host =
        if address.ip().is_unspecified() { format!("127.0.0.1:{}", address.port()) } else { address.to_string() };
    let shown = print(&format!(
        "The first API key, of the account \"default\". It is shown this once:\n\n  {key}\n\nTry it:\n\n  \
         curl -H 'x-api-key: {key}' --data-binary @testdata/collins.jpg http://{host}/v1/facedetect\n"
    ));
    if let Err(error) = shown {
        tracing::error!("the first API key could not be shown ({error:#}): create another with `vultus keys create`");
    }
    Ok(())
}

/// Resolves on SIGTERM or SIGINT.
pub(super) fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
