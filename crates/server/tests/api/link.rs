//! A way to a server that a test can cut.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use reqwest::Url;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server that can fail.
pub struct Link {
    state: watch::Sender<State>,
    /// The address that it leads to.
    pub url: String,
}

#[derive(Clone, Copy, PartialEq)]
pub enum State {
    Whole,
    /// Connections break, and new ones are closed at once.
    Cut,
    /// Connections stay and are made, and nothing comes through.
    Silent,
    /// All comes through, one step after each [`PAUSE`]: a question and its answer take two.
    Slow,
}

const PAUSE: Duration = Duration::from_millis(25);

impl Link {
    /// Leads an address over a link; one without a port is that of PostgreSQL.
    pub fn lead(url: &mut String) -> Self {
        let mut through = Url::parse(url).unwrap();
        let target = format!("{}:{}", through.host_str().unwrap(), through.port().unwrap_or(5432));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let direct = url.clone();
        through.set_host(Some("127.0.0.1")).unwrap();
        through.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        *url = through.into();
        let (state, seen) = watch::channel(State::Whole);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), seen.clone()));
            }
        });
        Self { state, url: direct }
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn carry(mut client: TcpStream, target: String, mut state: watch::Receiver<State>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let mut copying = pin!(copy_bidirectional(&mut client, &mut server));
    loop {
        let now = *state.borrow_and_update();
        if now == State::Slow {
            if poll_fn(|context| Poll::Ready(copying.as_mut().poll(context).is_ready())).await {
                return;
            }
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        tokio::select! {
            () = async {}, if now == State::Cut => return,
            _ = &mut copying, if now == State::Whole => return,
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}
