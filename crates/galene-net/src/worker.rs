//! One shard: its forwarding core, its sockets, its timers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use galene_sfu::{Command, Intake, Sfu, ShardId};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, watch};

use crate::addresses::LocalAddresses;
use crate::calm::Calm;
use crate::mail::{Mail, Outbox, Steered, Trust};
use crate::mailbox::Mailbox;
use crate::plane::EventSink;
use crate::receive::{Datagram, ReceiveBuffer};
use crate::socket::{MediaSocket, Received, is_usable};
use crate::statistics::ShardStatistics;
use crate::steering::{Direction, Steering};
use crate::timer::Timer;

/// How many datagrams are taken from one socket before what they caused is sent, but for the last batch,
/// which may hold more of them, joined by the kernel. The sockets are drained in all but a flood, and
/// in a flood timers, commands, other shards and the other socket still have their turn.
const MAX_DATAGRAMS: usize = 256;
/// How many packets and messages from other shards are taken before what they caused is sent; the same thought.
const MAX_PACKETS: usize = 256;
/// How many commands are taken before what they caused is sent; the same thought.
const MAX_COMMANDS: usize = 64;
/// How many datagrams may leave in one call: all of them together must fit into one IP packet of
/// 65,535 bytes, each being at most an Ethernet frame of 1,500.
const MAX_SEGMENTS: usize = 43;

/// How often the addresses of the host are looked at. A laptop that changes networks, or a server that
/// started before its network, is reached again after this time at the latest.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How often the statistics are published.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(1);

/// A shard and what it is driven by.
pub(crate) struct Worker {
    pub(crate) shard: ShardId,
    pub(crate) sfu: Sfu,
    pub(crate) v4: MediaSocket,
    pub(crate) v6: Option<MediaSocket>,
    pub(crate) port: u16,
    pub(crate) addresses: LocalAddresses,
    /// The addresses to offer instead of those of the host.
    pub(crate) advertise: Vec<IpAddr>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: Arc<EventSink>,
    pub(crate) mailbox: OwnMailbox,
    /// What was taken out of the mailbox and not read yet.
    pub(crate) inbox: VecDeque<(ShardId, Mail)>,
    pub(crate) outbox: Outbox,
    /// Only where other shards share the port.
    pub(crate) steering: Option<Steering>,
    /// What the kernel dropped on the sockets, counted by somebody else.
    pub(crate) kernel_drops: Arc<AtomicU64>,
    pub(crate) statistics: ShardStatistics,
    pub(crate) published: watch::Sender<ShardStatistics>,
    pub(crate) calm: Calm,
}

/// The mailbox of a worker, closed when the worker ends.
#[derive(Debug)]
pub(crate) struct OwnMailbox(pub(crate) Arc<Mailbox<Mail>>);

impl Drop for OwnMailbox {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Worker {
    /// Runs till nobody can send commands any more.
    pub(crate) async fn run(mut self) {
        let mut buffer = ReceiveBuffer::new();
        let mut now = Instant::now();
        let mut next_look = now + LOOK_INTERVAL;
        let mut next_statistics = now + STATISTICS_INTERVAL;
        let mut timer = Timer::new(next_look);
        loop {
            self.send_all().await;
            if next_statistics <= now {
                next_statistics = now + STATISTICS_INTERVAL;
                self.publish();
            }
            let deadline = self.sfu.poll_timeout().map_or(next_look, |at| at.min(next_look));
            timer.set(deadline);
            self.rest(now);
            match self.wait(&mut timer).await {
                Woken::Command(command) => self.handle_commands(command),
                Woken::Stop => break,
                Woken::Ready => {}
            }
            now = Instant::now();
            self.statistics.rounds += 1;
            if let Some(steering) = &mut self.steering {
                steering.start_round(now);
            }
            // Proofs before what they let pass.
            self.handle_mail(now);
            self.receive(&mut buffer);
            now = Instant::now();
            // Asking for the deadline once more would begin to forward what has arrived, and time that
            // passes then would have all of it sealed before any of it is sent.
            if deadline <= now {
                self.sfu.handle_timeout(now);
            }
            if next_look <= now {
                next_look = now + LOOK_INTERVAL;
                self.look_for_addresses(now);
            }
        }
        self.send_all().await;
        self.publish();
    }

    /// Lets what is not urgent gather, while nothing else is to be expected.
    #[expect(clippy::disallowed_methods, reason = "the thread has nothing else to do")]
    fn rest(&mut self, now: Instant) {
        let rest = self.calm.rest(self.sfu.counters().published, now);
        if let Some(rest) = rest.filter(|_| self.inbox.is_empty()) {
            self.statistics.rests += 1;
            std::thread::sleep(rest);
        }
    }

    /// Waits for something to do, till the timer goes off at most.
    async fn wait(&mut self, timer: &mut Timer) -> Woken {
        if self.inbox.is_empty() {
            return poll_fn(|cx| self.poll_work(cx, timer)).await;
        }
        // There is something to do already; let the runtime see what else there is.
        tokio::task::yield_now().await;
        match self.commands.try_recv() {
            Ok(command) => Woken::Command(command),
            Err(TryRecvError::Empty) => Woken::Ready,
            Err(TryRecvError::Disconnected) => Woken::Stop,
        }
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<Woken> {
        if let Poll::Ready(command) = self.commands.poll_recv(cx) {
            return Poll::Ready(command.map_or(Woken::Stop, Woken::Command));
        }
        let mut is_ready = self.mailbox.0.poll_take(cx, &mut self.inbox).is_ready();
        for socket in [Some(&self.v4), self.v6.as_ref()].into_iter().flatten() {
            match socket.poll_readable(cx) {
                Poll::Ready(Ok(())) => is_ready = true,
                Poll::Ready(Err(error)) => {
                    // Only a runtime that shuts down reports this, and ours lives as long as the worker.
                    tracing::error!(%error, "a media socket cannot be waited for");
                    return Poll::Ready(Woken::Stop);
                }
                Poll::Pending => {}
            }
        }
        is_ready |= timer.poll(cx).is_ready();
        if is_ready { Poll::Ready(Woken::Ready) } else { Poll::Pending }
    }

    /// Offers addresses that the host has got since the last look, and no more those that it has lost.
    fn look_for_addresses(&mut self, now: Instant) {
        let Ok(addresses) = LocalAddresses::of_host(&self.advertise) else { return };
        if addresses == self.addresses {
            return;
        }
        tracing::info!("the addresses of this host have changed");
        for &ip in self.addresses.candidates() {
            if !addresses.candidates().contains(&ip) {
                self.sfu.remove_local_address(SocketAddr::new(ip, self.port));
            }
        }
        for &ip in addresses.candidates() {
            if ip.is_ipv4() || self.v6.is_some() {
                self.sfu.add_local_address(SocketAddr::new(ip, self.port), now);
            }
        }
        self.addresses = addresses;
    }

    fn handle_commands(&mut self, first: Command) {
        let now = Instant::now();
        self.calm.disturb(now);
        self.sfu.handle_command(first, now);
        for _ in 1..MAX_COMMANDS {
            let Ok(command) = self.commands.try_recv() else { return };
            self.sfu.handle_command(command, now);
        }
    }

    /// Takes in what other shards have sent.
    fn handle_mail(&mut self, now: Instant) {
        if self.inbox.is_empty() {
            self.mailbox.0.take(&mut self.inbox);
        }
        let mut packets = 0;
        while packets < MAX_PACKETS
            && let Some((from, mail)) = self.inbox.pop_front()
        {
            match mail {
                Mail::Relay(message) => {
                    if message.packet_count() > 0 {
                        self.calm.disturb(now);
                    }
                    packets += message.packet_count().max(1);
                    self.sfu.handle_relay(now, from, message);
                }
                Mail::Datagram(steered) => {
                    packets += 1;
                    self.handle_steered(steered, now);
                }
                Mail::Proof(address) => {
                    packets += 1;
                    if let Some(steering) = &mut self.steering {
                        steering.handle_proof(address, from, now);
                    }
                }
            }
        }
    }

    fn handle_steered(&mut self, steered: Steered, now: Instant) {
        let Steered { received_by, source, destination, contents, trust } = steered;
        match (self.sfu.handle_datagram(now, source, destination, &contents), trust) {
            (Intake::Verified, _) => self.outbox.put(received_by, Mail::Proof(source)),
            (Intake::Unknown, Trust::Proven) => {
                let Some(steering) = &mut self.steering else { return };
                let (direction, trust) = (steering.spread(&contents), Trust::Stranger);
                self.steer(direction, received_by, || Steered {
                    received_by,
                    source,
                    destination,
                    contents,
                    trust,
                });
            }
            (Intake::Taken, _) | (Intake::Unknown, Trust::Stranger) => {}
        }
    }

    fn receive(&mut self, buffer: &mut ReceiveBuffer) {
        for is_v6 in [false, true] {
            let mut taken = 0;
            while taken < MAX_DATAGRAMS {
                let Some(socket) = (if is_v6 { self.v6.as_ref() } else { Some(&self.v4) }) else {
                    break;
                };
                let received = socket.receive(buffer);
                if received == Received::Nothing {
                    break;
                }
                let now = Instant::now();
                for datagram in buffer.datagrams() {
                    taken += 1;
                    self.statistics.received.add(1, datagram.contents.len());
                    self.handle_datagram(datagram, now);
                }
                if received == Received::All {
                    break;
                }
            }
        }
    }

    /// Takes in what came to an own socket.
    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) {
        let Datagram { source, destination: Some(local), contents } = datagram else { return };
        self.calm.handle_datagram(contents);
        let destination = SocketAddr::new(self.addresses.candidate_of(local), self.port);
        let intake = self.sfu.handle_datagram(now, source, destination, contents);
        let Some(steering) = &mut self.steering else { return };
        match intake {
            Intake::Taken => {}
            Intake::Verified => steering.handle_own_proof(source),
            Intake::Unknown => {
                let direction = steering.direct(source, contents);
                let is_proven = matches!(direction, Direction::Owner(_));
                let trust = if is_proven { Trust::Proven } else { Trust::Stranger };
                let received_by = self.shard;
                self.steer(direction, received_by, || Steered {
                    received_by,
                    source,
                    destination,
                    contents: contents.into(),
                    trust,
                });
            }
        }
    }

    /// Hands a datagram to other shards, though not back to the one whose socket it came to.
    fn steer(
        &mut self,
        direction: Direction,
        received_by: ShardId,
        steered: impl FnOnce() -> Steered,
    ) {
        match (direction, &self.steering) {
            (Direction::Owner(owner), _) => {
                self.statistics.steered += 1;
                self.outbox.put(owner, Mail::Datagram(steered()));
            }
            (Direction::Others, Some(steering)) => {
                self.statistics.steered += 1;
                let steered = steered();
                for &other in steering.others().iter().filter(|other| **other != received_by) {
                    self.outbox.put(other, Mail::Datagram(steered.clone()));
                }
            }
            (Direction::Crowded, _) => self.statistics.strangers_dropped += 1,
            (Direction::Nowhere, _) | (Direction::Others, None) => {}
        }
    }

    /// Sends and reports all that the core has. Other shards come first: they can then go to work while
    /// this one sends.
    async fn send_all(&mut self) {
        self.deliver_mail();
        let offload = |socket: &MediaSocket| socket.max_segments();
        let max_segments =
            offload(&self.v4).min(self.v6.as_ref().map_or(MAX_SEGMENTS, offload)).min(MAX_SEGMENTS);
        while let Some(transmit) = self.sfu.poll_transmit(max_segments) {
            let destination = transmit.destination;
            let socket = match destination {
                SocketAddr::V4(_) => Some(&mut self.v4),
                SocketAddr::V6(_) => self.v6.as_mut(),
            };
            let Some(socket) = socket.filter(|_| is_usable(destination)) else { continue };
            let source = self.addresses.source_of(transmit.source.ip());
            socket.send(source, destination, transmit.contents, transmit.segment_size).await;
        }
        // Forwarding ends with the last send, and what is wanted of other shards is known then.
        self.deliver_mail();
        while let Some(event) = self.sfu.poll_event() {
            (self.events)(self.shard.0, event);
        }
    }

    /// Hands other shards what is for them.
    fn deliver_mail(&mut self) {
        while let Some((to, message)) = self.sfu.poll_relay() {
            self.outbox.put(to, Mail::Relay(message));
        }
        let delivered = self.outbox.deliver();
        self.statistics.relay_batches += delivered.batches;
        self.statistics.relay_dropped += delivered.dropped_packets;
        self.statistics.strangers_dropped += delivered.dropped_strangers;
    }

    fn publish(&mut self) {
        let mut statistics = self.statistics;
        statistics.core = self.sfu.counters();
        statistics.transports = self.sfu.transport_count();
        statistics.dropped_at_receive = self.kernel_drops.load(Ordering::Relaxed);
        for socket in [Some(&self.v4), self.v6.as_ref()].into_iter().flatten() {
            let counts = socket.counts();
            statistics.sent += counts.sent;
            statistics.send_calls += counts.calls;
            statistics.segments_sent += counts.segments;
            statistics.dropped_at_send += counts.dropped;
        }
        self.published.send_if_modified(|published| {
            let is_new = *published != statistics;
            *published = statistics;
            is_new
        });
    }
}

/// Why a worker woke up.
enum Woken {
    /// There is a command, perhaps more.
    Command(Command),
    /// Something arrived, or time passed.
    Ready,
    /// Nobody can send commands any more.
    Stop,
}
