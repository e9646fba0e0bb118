//! Accepts connections and serves HTTP/1.1 on them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use super::paced::{Pace, Paced};
use super::seats::{Reserved, Room, Seats};
use crate::app::App;
use crate::http::{monitoring, router};

/// Pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest time that a reserved connection may take to send the headers of its request: monitors are quick.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(5);
/// How often at most the log says that connections are refused.
const REFUSAL_PAUSE: Duration = Duration::from_mins(1);

/// Serves the API until `stop` resolves, then finishes the requests that run, within the configured time.
pub async fn serve(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()>) {
    serve_routes(listener, router(app.clone()), &app, stop).await;
}

/// Serves metrics and what else monitors ask, in the same way.
pub async fn serve_metrics(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()>) {
    serve_routes(listener, monitoring(app.clone()), &app, stop).await;
}

async fn serve_routes(listener: TcpListener, router: Router, app: &App, stop: impl Future<Output = ()>) {
    let limits = &app.config.http;
    let pace = Pace { patience: limits.write_timeout, bytes_per_second: limits.min_write_rate.get() };
    let (http, brief) =
        (builder(limits.header_timeout, true), builder(MONITOR_TIMEOUT.min(limits.header_timeout), false));
    let monitors = TowerToHyperService::new(router.clone().layer(Extension(Reserved)));
    let service = TowerToHyperService::new(router);
    let seats = Seats::new(limits);
    let mut refusals = Refusals::default();
    let running = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &seats) => accepted,
        };
        let Ok((stream, peer, room)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(seat) = seats.take(room, peer.ip()) else {
            refusals.count(limits.max_connections_per_peer);
            continue;
        };
        if prepare(&stream, limits.write_timeout).is_err() {
            // It is broken already.
            continue;
        }
        let stream = TokioIo::new(Paced::new(stream, pace));
        let (http, service) = if seat.is_reserved() { (&brief, &monitors) } else { (&http, &service) };
        let connection = running.watch(http.serve_connection(stream, service.clone()));
        tokio::spawn(async move {
            // A broken connection is the client's affair; its requests are logged by themselves.
            let _ = connection.await;
            drop(seat);
        });
    }
    drop(listener);
    tracing::info!(requests = running.count(), "stopping");
    let ended = async {
        running.shutdown().await;
        app.handlers.close();
        app.handlers.wait().await;
    };
    if tokio::time::timeout(limits.shutdown_timeout, ended).await.is_err() {
        tracing::warn!("stopped before all requests were finished");
    }
}

fn builder(header_timeout: Duration, keep_alive: bool) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header_timeout).keep_alive(keep_alive);
    http
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, seats: &Seats) -> io::Result<(TcpStream, SocketAddr, Room)> {
    let room = seats.room().await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, room))
}

/// Sends small answers at once, and gives up a client whose system acknowledges nothing for `patience`.
fn prepare(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let millis = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

/// Connections that were refused because their peer holds too many; the log has their number and never an address.
#[derive(Default)]
struct Refusals {
    unlogged: u64,
    logged: Option<std::time::Instant>,
}

impl Refusals {
    fn count(&mut self, limit: usize) {
        self.unlogged += 1;
        if self.logged.is_none_or(|at| at.elapsed() >= REFUSAL_PAUSE) {
            tracing::warn!(
                refused = self.unlogged,
                "an address holds {limit} connections and asks for more: raise --max-connections-per-peer, or name it in \
                 --trusted-proxies if it is a proxy"
            );
            *self = Self { unlogged: 0, logged: Some(std::time::Instant::now()) };
        }
    }
}
