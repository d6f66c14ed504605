//! A connection that gives up on a peer that takes nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long what is sent may wait without the peer taking any of it. Whoever asks for much and reads nothing
/// would otherwise keep the connection, and what stands in it, for ever. On a slow link it takes the kernel some
/// seconds to have room for more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Passes everything through. To write fails once the peer has taken nothing for a minute.
#[derive(Debug)]
pub(crate) struct Impatient<T> {
    inner: T,
    /// Set while there is something to write and no room for it.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<T> Impatient<T> {
    /// Wraps a connection to the kernel: below it nothing may hold back what is written.
    pub(crate) fn new(inner: T) -> Impatient<T> {
        Impatient { inner, waiting: None }
    }

    fn wait<V>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<V>>,
    ) -> Poll<io::Result<V>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Impatient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Impatient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.wait(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.wait(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (ours, _theirs) = duplex(16);
        let begun = Instant::now();
        let error = Impatient::new(ours).write_all(&[0; 100]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_little_now_and_then_is_not() {
        let (ours, mut theirs) = duplex(16);
        let reader = tokio::spawn(async move {
            let mut room = [0; 8];
            while let Ok(1..) = theirs.read(&mut room).await {
                sleep(PATIENCE / 2).await;
            }
        });
        let mut ours = Impatient::new(ours);
        ours.write_all(&[0; 100]).await.expect("somebody reads");
        drop(ours);
        reader.await.expect("it ends");
    }
}
