//! How long a peer may take nothing of what it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::watched::WatchWrites;

/// How long what is sent may wait without the peer taking any of it. Whoever asks for much and reads nothing
/// would otherwise keep the connection, and what stands in it, for ever. On a slow link it takes the kernel some
/// seconds to have room for more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has writing fail once the peer has taken nothing for a minute.
#[derive(Debug, Default)]
pub(crate) struct Impatient {
    /// Set while there is something to write and no room for it.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl WatchWrites for Impatient {
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        waiting.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::watched::Watched;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (ours, _theirs) = duplex(16);
        let begun = Instant::now();
        let error = Watched::new(ours, Impatient::default())
            .write_all(&[0; 100])
            .await
            .expect_err("nobody reads");
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
        let mut ours = Watched::new(ours, Impatient::default());
        ours.write_all(&[0; 100]).await.expect("somebody reads");
        drop(ours);
        reader.await.expect("it ends");
    }
}
