//! The bodies of responses: what fits into memory, and pieces of files that may not.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::disk::Disk;

/// How much of a file is in memory at once for each response.
const CHUNK_BYTES: u64 = 64 << 10;

/// The body of a response.
pub(crate) enum Body {
    /// What is all there.
    Whole(Full<Bytes>),
    /// What is read while it is sent.
    File(FileBody),
}

/// A piece of a file. Only as much is read as the client has room for.
pub(crate) struct FileBody {
    disk: Disk,
    remaining: u64,
    state: State,
}

enum State {
    Idle(File),
    Reading(Reading),
    Done,
}

type Reading = Pin<Box<dyn Future<Output = io::Result<(File, Bytes)>> + Send>>;

impl FileBody {
    /// Sends `length` bytes of a file from where it stands.
    pub(crate) fn new(disk: Disk, file: File, length: u64) -> FileBody {
        FileBody { disk, remaining: length, state: State::Idle(file) }
    }
}

/// Puts a file to where a piece of it begins. Blocks.
pub(crate) fn seek(file: &mut File, start: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(start)).map(drop)
}

impl Default for Body {
    fn default() -> Body {
        Body::Whole(Full::default())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body::Whole(Full::new(bytes))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Body::Whole(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never: std::convert::Infallible| match never {}),
            Body::File(body) => body.poll_chunk(cx).map(|chunk| chunk.map(|c| c.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(body) => body.is_end_stream(),
            Body::File(body) => body.remaining == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(body) => body.size_hint(),
            Body::File(body) => SizeHint::with_exact(body.remaining),
        }
    }
}

impl FileBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Idle(file) => {
                    let (disk, length) = (self.disk.clone(), self.remaining.min(CHUNK_BYTES));
                    self.state = State::Reading(Box::pin(async move {
                        disk.run(move || read(file, length)).await?
                    }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = reading.as_mut().poll(cx) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    return Poll::Ready(Some(read.map(|(file, chunk)| {
                        self.remaining -= chunk.len() as u64;
                        self.state = State::Idle(file);
                        chunk
                    })));
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

/// Reads exactly so much: a file that has become shorter ends the response in the middle, which the
/// client notices by the length that it was told.
fn read(mut file: File, length: u64) -> io::Result<(File, Bytes)> {
    let mut chunk = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut chunk)?;
    Ok((file, chunk.into()))
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Body").field(&self.size_hint().exact()).finish()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_piece_of_a_file_is_sent_in_chunks() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &content).expect("writable");
        let mut file = File::open(&path).expect("it is there");
        seek(&mut file, 1000).expect("seekable");
        let body = Body::File(FileBody::new(Disk::new(), file, 150_000));
        assert_eq!(body.size_hint().exact(), Some(150_000));
        let sent = body.collect().await.expect("readable").to_bytes();
        assert_eq!(sent, content[1000..151_000]);
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_ends_the_body_with_an_error() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        std::fs::write(&path, "short").expect("writable");
        let file = File::open(&path).expect("it is there");
        let body = Body::File(FileBody::new(Disk::new(), file, 6));
        assert!(body.collect().await.is_err());
    }
}
