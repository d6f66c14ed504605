//! Waits till something happens in directories.

use std::io;
use std::path::Path;
use std::time::Duration;

/// Waits till something happens in directories, or till it is told to stop.
#[derive(Debug)]
pub(crate) struct Sleeper(imp::Sleeper);

/// Tells the [`Sleeper`] to stop, when it is dropped.
#[derive(Debug)]
pub(crate) struct Stop {
    _imp: imp::Stop,
}

/// Why the sleeper awoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something happened, or might have.
    Look,
    /// It is to stop.
    Stop,
}

impl Sleeper {
    pub(crate) fn new() -> io::Result<(Sleeper, Stop)> {
        let (sleeper, stop) = imp::new()?;
        Ok((Sleeper(sleeper), Stop { _imp: stop }))
    }

    /// Listens to what happens in a directory, too. Does nothing if it does already, or if there is no
    /// such directory.
    pub(crate) fn listen(&mut self, directory: &Path) {
        self.0.listen(directory);
    }

    /// Waits for something to happen, and no longer than that.
    pub(crate) fn wait(&mut self, at_most: Duration) -> Wake {
        self.0.wait(at_most)
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use rustix::pipe::{PipeFlags, pipe_with};

    use super::Wake;

    /// Room for as many events as there may be names of the longest kind; with less, the kernel would
    /// refuse to give even one.
    const EVENT_BYTES: usize = 16 * 1024;

    #[derive(Debug)]
    pub(super) struct Sleeper {
        events: OwnedFd,
        stopped: OwnedFd,
    }

    #[derive(Debug)]
    pub(super) struct Stop {
        _writer: OwnedFd,
    }

    pub(super) fn new() -> io::Result<(Sleeper, Stop)> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let (stopped, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((Sleeper { events, stopped }, Stop { _writer: writer }))
    }

    impl Sleeper {
        pub(super) fn listen(&mut self, directory: &Path) {
            // A file that is being written is looked at when it is closed, not while it is half there.
            let flags = WatchFlags::CLOSE_WRITE
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            // Without it, changes are found a little later.
            if let Err(error) = inotify::add_watch(&self.events, directory, flags) {
                tracing::debug!(%error, directory = %directory.display(), "cannot listen to changes");
            }
        }

        pub(super) fn wait(&mut self, at_most: Duration) -> Wake {
            let deadline = Timespec {
                tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: at_most.subsec_nanos().into(),
            };
            let mut ends = [
                PollFd::new(&self.events, PollFlags::IN),
                PollFd::new(&self.stopped, PollFlags::IN),
            ];
            // If a signal interrupts it, looking does no harm.
            let _ready = poll(&mut ends, Some(&deadline));
            if !ends[1].revents().is_empty() {
                return Wake::Stop;
            }
            // What happened does not matter: everything is looked at.
            let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
            let mut events = inotify::Reader::new(&self.events, &mut buffer);
            while events.next().is_ok() {}
            Wake::Look
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::io;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    use std::time::Duration;

    use super::Wake;

    /// How often is looked, as nothing tells us of changes.
    const INTERVAL: Duration = Duration::from_secs(2);

    #[derive(Debug)]
    pub(super) struct Sleeper(Receiver<()>);

    #[derive(Debug)]
    pub(super) struct Stop {
        _sender: Sender<()>,
    }

    pub(super) fn new() -> io::Result<(Sleeper, Stop)> {
        let (sender, receiver) = channel();
        Ok((Sleeper(receiver), Stop { _sender: sender }))
    }

    impl Sleeper {
        pub(super) fn listen(&mut self, _directory: &Path) {}

        pub(super) fn wait(&mut self, at_most: Duration) -> Wake {
            match self.0.recv_timeout(at_most.min(INTERVAL)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => Wake::Look,
                Err(RecvTimeoutError::Disconnected) => Wake::Stop,
            }
        }
    }
}
