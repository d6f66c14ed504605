//! What the kernel dropped because a socket's receive buffer was full.
//!
//! The number comes from the table of UDP sockets in `/proc/net`: with each datagram (`SO_RXQ_OVFL`) it
//! would cost a control message per packet. The table names all sockets of the host, so it is read
//! away from the media threads, and for all of them at once.

use std::fs::{self, File};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often the table is read.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How often drops are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// One table for each address family.
const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// The sockets that are watched.
#[derive(Debug, Default)]
pub(crate) struct KernelDrops {
    sockets: Vec<Watched>,
    unreported: u64,
    last_report: Option<Instant>,
}

#[derive(Debug)]
struct Watched {
    inode: u64,
    /// The kernel's count when it was last read, which wraps.
    last: u32,
    total: Arc<AtomicU64>,
}

/// Ends the watching when it is dropped.
#[derive(Debug)]
pub(crate) struct Watching(#[expect(dead_code, reason = "it is there to be dropped")] Sender<()>);

impl KernelDrops {
    /// Watches one more socket. What it drops is added to `total`.
    pub(crate) fn add(&mut self, socket: &UdpSocket, total: &Arc<AtomicU64>) -> io::Result<()> {
        let inode = File::from(socket.as_fd().try_clone_to_owned()?).metadata()?.ino();
        self.sockets.push(Watched { inode, last: 0, total: Arc::clone(total) });
        Ok(())
    }

    /// Starts a thread that looks from time to time.
    pub(crate) fn watch(self) -> io::Result<Watching> {
        let (sender, stop) = channel();
        std::thread::Builder::new().name("media-drops".to_owned()).spawn(|| self.run(stop))?;
        Ok(Watching(sender))
    }

    #[expect(clippy::needless_pass_by_value, reason = "the thread owns its end")]
    fn run(mut self, stop: Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(LOOK_INTERVAL) {
            if let Err(error) = self.look() {
                tracing::debug!(%error, "the kernel does not say how many packets it drops");
                return;
            }
            self.report(Instant::now());
        }
    }

    fn look(&mut self) -> io::Result<()> {
        for table in TABLES {
            match fs::read_to_string(table) {
                Ok(text) => self.handle_table(&text),
                // A kernel without IPv6 has one table only.
                Err(error) if error.kind() == io::ErrorKind::NotFound && table != TABLES[0] => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn handle_table(&mut self, text: &str) {
        for line in text.lines() {
            let Some((inode, drops)) = parse(line) else { continue };
            if let Some(socket) = self.sockets.iter_mut().find(|s| s.inode == inode) {
                let more = u64::from(drops.wrapping_sub(socket.last));
                socket.last = drops;
                socket.total.fetch_add(more, Ordering::Relaxed);
                self.unreported += more;
            }
        }
    }

    fn report(&mut self, now: Instant) {
        let is_due = self.last_report.is_none_or(|last| now - last >= REPORT_INTERVAL);
        if self.unreported > 0 && is_due {
            tracing::warn!(
                dropped = self.unreported,
                "packets were lost because they arrived faster than they were taken: more cores \
                 help, and larger receive buffers (net.core.rmem_max) against bursts"
            );
            self.unreported = 0;
            self.last_report = Some(now);
        }
    }
}

/// Returns the inode of the socket and its drops, which stand in the tenth and last column: proc(5).
fn parse(line: &str) -> Option<(u64, u32)> {
    let mut columns = line.split_whitespace().skip(9);
    let inode = columns.next()?.parse().ok()?;
    Some((inode, columns.nth(2)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::Ipv4Addr;

    use socket2::SockRef;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             
  123: 00000000:20FB 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41 2 0000000000000000 DROPS         
  124: 0100007F:20FC 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0000000000000000 5         
";

    #[test]
    fn what_was_dropped_since_the_last_look_is_added() {
        let total = Arc::new(AtomicU64::new(0));
        let watched = Watched { inode: 41, last: 0, total: Arc::clone(&total) };
        let mut drops = KernelDrops { sockets: vec![watched], ..KernelDrops::default() };
        // The count of the kernel wraps.
        for (count, expected) in [("0", 0), ("7", 7), ("4294967295", 4_294_967_295)] {
            drops.handle_table(&TABLE.replace("DROPS", count));
            assert_eq!(total.load(Ordering::Relaxed), expected);
        }
        drops.handle_table(&TABLE.replace("DROPS", "1"));
        assert_eq!(total.load(Ordering::Relaxed), 4_294_967_297);
        drops.handle_table("nonsense");
        assert_eq!(drops.unreported, 4_294_967_297);
    }

    #[test]
    fn what_a_full_socket_drops_is_counted() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        SockRef::from(&socket).set_recv_buffer_size(1).expect("the kernel takes its least");
        let total = Arc::new(AtomicU64::new(0));
        let mut drops = KernelDrops::default();
        drops.add(&socket, &total).expect("it has an inode");
        let to = socket.local_addr().expect("it is bound");
        for _ in 0..100 {
            socket.send_to(&[0; 1000], to).expect("loopback takes it");
        }
        drops.look().expect("the kernel has the tables");
        let mut arrived = 0;
        socket.set_nonblocking(true).expect("it can be");
        while socket.recv(&mut [0; 1000]).is_ok() {
            arrived += 1;
        }
        assert_eq!(total.load(Ordering::Relaxed), 100 - arrived);
    }

    #[test]
    fn drops_are_reported_at_intervals() {
        let t0 = galene_testkit::epoch();
        let mut drops = KernelDrops::default();
        for (seconds, dropped, left) in [(0, 0, 0), (1, 5, 0), (2, 5, 5), (62, 0, 0), (63, 0, 0)] {
            drops.unreported += dropped;
            drops.report(t0 + Duration::from_secs(seconds));
            assert_eq!(drops.unreported, left, "after {seconds} s");
        }
    }
}
