//! The machine: its clock, its limit of open files, and the addresses to listen on.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::Check;
use crate::config::Config;
use crate::{clock, descriptors};

/// No version of this program is older: 2025-01-01. A machine without a clock shows an earlier time.
const EARLIEST_US: i64 = 1_735_689_600 * clock::SECOND_US;
/// The clocks of nodes that share a database differ by less than this.
const TOLERANCE_US: i64 = 60 * clock::SECOND_US;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn check(config: &Config) -> Vec<Check> {
    let mut checks = vec![open_files(config), address("listen address", "--listen", config.http.listen).await];
    if let Some(metrics) = config.http.metrics_listen {
        checks.push(address("metrics address", "--metrics-listen", metrics).await);
    }
    checks
}

/// Compares the clock with the time at which a server last wrote to the database, in microseconds.
pub(super) fn clock(beaten: Option<i64>) -> Check {
    const NAME: &str = "clock";
    const ADVICE: &str =
        "Set the clock and keep it right (systemd-timesyncd or chrony), because keys expire and jobs run by it.";
    let now = clock::now_us();
    if now < EARLIEST_US {
        return Check::error(NAME, format!("the clock shows {}", clock::format(now)), ADVICE);
    }
    let ahead = beaten.map_or(0, |beaten| beaten - now);
    if ahead > TOLERANCE_US {
        let minutes = ahead / (60 * clock::SECOND_US);
        return Check::warning(NAME, format!("a server wrote to the database {minutes} minutes from now"), ADVICE);
    }
    Check::ok(NAME, format!("the clock shows {}", clock::format(now)))
}

fn open_files(config: &Config) -> Check {
    const NAME: &str = "open files";
    let advice = format!("Allow at least {} {}.", descriptors::wanted(&config.http), descriptors::HOW);
    match descriptors::room(&config.http) {
        Err(error) => Check::error(NAME, error, advice),
        Ok(room) if room < config.http.max_connections => {
            let found = format!("enough for {room} connections, not for {}", config.http.max_connections);
            Check::warning(NAME, found, advice)
        }
        Ok(room) => Check::ok(NAME, format!("enough for {room} connections")),
    }
}

async fn address(name: &'static str, option: &str, listen: SocketAddr) -> Check {
    match TcpListener::bind(listen) {
        Ok(_) => Check::ok(name, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_vultus(listen).await => {
            Check::ok(name, format!("a vultus server answers at {listen}"))
        }
        Err(error) => Check::error(
            name,
            format!("cannot listen on {listen}: {error}"),
            format!("Stop the program that uses it, or choose another address with {option}."),
        ),
    }
}

/// Whether the program that uses the address is a vultus server.
async fn is_vultus(address: SocketAddr) -> bool {
    let ask = async {
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build()?;
        client.get(format!("http://{address}/version")).send().await?.json::<serde_json::Value>().await
    };
    ask.await.is_ok_and(|answer| answer["data"]["name"] == env!("CARGO_PKG_NAME"))
}
