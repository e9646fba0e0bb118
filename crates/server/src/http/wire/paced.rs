//! A connection whose client has to take what it asked for, at a least rate.
//!
//! A client that never reads would otherwise hold its connection, and the answer in memory, for as long as it likes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may keep the server waiting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Longest wait; also what is left to a client that has kept the rate so far.
    pub(super) patience: Duration,
    /// Bytes for which a second of waiting is given back.
    pub(super) bytes_per_second: u32,
}

/// A connection that fails with [`io::ErrorKind::TimedOut`] when its client has used up the patience: by taking nothing for
/// that long, or by taking less than the rate for longer. The time in which there is nothing to write does not count.
pub(super) struct Paced {
    stream: TcpStream,
    pace: Pace,
    /// The waiting that is still allowed.
    left: Duration,
    waiting: Option<Waiting>,
}

struct Waiting {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl Paced {
    pub(super) fn new(stream: TcpStream, pace: Pace) -> Self {
        Self { stream, pace, left: pace.patience, waiting: None }
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), context) {
            return Poll::Ready(written.inspect(|bytes| self.took(*bytes)));
        }
        let left = self.left;
        let waiting = self.waiting.get_or_insert_with(|| Waiting { since: Instant::now(), end: Box::pin(sleep(left)) });
        ready!(waiting.end.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn took(&mut self, bytes: usize) {
        let waited = self.waiting.take().map_or(Duration::ZERO, |waiting| waiting.since.elapsed());
        let earned = Duration::from_secs_f64(bytes as f64 / f64::from(self.pace.bytes_per_second));
        self.left = (self.left.saturating_sub(waited) + earned).min(self.pace.patience);
    }
}

impl AsyncRead for Paced {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, to)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, |stream, context| stream.poll_write(context, from))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(context, |stream, context| stream.poll_write_vectored(context, from))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const PACE: Pace = Pace { patience: Duration::from_millis(200), bytes_per_second: 1 << 30 };

    async fn pair(pace: Pace) -> (Paced, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Paced::new(listener.accept().await.unwrap().0, pace), client)
    }

    /// More than the buffers of a connection hold.
    fn large() -> Vec<u8> {
        vec![7; 32 << 20]
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (mut server, _client) = pair(PACE).await;
        assert_eq!(server.write_all(&large()).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_below_the_rate_is_given_up_though_it_never_stops_reading() {
        let (mut server, mut client) = pair(Pace { bytes_per_second: u32::MAX, ..PACE }).await;
        tokio::spawn(async move {
            let mut some = vec![0; 64 << 10];
            while client.read(&mut some).await.is_ok_and(|count| count > 0) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert_eq!(server.write_all(&large()).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn pauses_are_allowed_as_long_as_the_rate_is_kept() {
        let (mut server, mut client) = pair(Pace { bytes_per_second: 1 << 10, ..PACE }).await;
        let taken = tokio::spawn(async move {
            let (mut some, mut taken) = (vec![0; 4 << 20], 0);
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                match client.read(&mut some).await {
                    Ok(count) if count > 0 => taken += count,
                    _ => return taken,
                }
            }
        });
        server.write_all(&large()).await.unwrap();
        drop(server);
        assert_eq!(taken.await.unwrap(), large().len());
    }
}
