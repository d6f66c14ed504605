//! One shard: its forwarding core, its sockets, its timers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use galene_sfu::{Command, Sfu};
use tokio::sync::mpsc;

use crate::addresses::LocalAddresses;
use crate::plane::EventSink;
use crate::receive::ReceiveBuffer;
use crate::socket::{MediaSocket, is_usable};

/// How many batches are taken from one socket before what they caused is sent. With 32 datagrams and
/// more in a batch the sockets are drained in all but a flood, and in a flood timers, commands and
/// the other socket still have their turn.
const MAX_BATCHES: usize = 8;
/// How many commands are taken before what they caused is sent; the same thought.
const MAX_COMMANDS: usize = 64;
/// How many datagrams may leave in one call: all of them together must fit into one IP packet of
/// 65,535 bytes, each being at most an Ethernet frame of 1,500.
const MAX_SEGMENTS: usize = 43;

/// How often the addresses of the host are looked at. A laptop that changes networks, or a server that
/// started before its network, is reached again after this time at the latest.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// A shard and what it is driven by.
pub(crate) struct Worker {
    pub(crate) shard: u16,
    pub(crate) sfu: Sfu,
    pub(crate) v4: MediaSocket,
    pub(crate) v6: Option<MediaSocket>,
    pub(crate) port: u16,
    pub(crate) addresses: LocalAddresses,
    /// The addresses to offer instead of those of the host.
    pub(crate) advertise: Vec<IpAddr>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: Arc<EventSink>,
}

impl Worker {
    /// Runs till nobody can send commands any more.
    pub(crate) async fn run(mut self) {
        let mut buffer = ReceiveBuffer::new();
        let mut next_look = Instant::now() + LOOK_INTERVAL;
        loop {
            self.send_all().await;
            match self.wait(next_look).await {
                Woken::Command(command) => self.handle_commands(command),
                Woken::Stop => break,
                Woken::Ready => {}
            }
            self.receive(&mut buffer);
            let now = Instant::now();
            if self.sfu.poll_timeout().is_some_and(|at| at <= now) {
                self.sfu.handle_timeout(now);
            }
            if next_look <= now {
                next_look = now + LOOK_INTERVAL;
                self.look_for_addresses(now);
            }
        }
        self.send_all().await;
    }

    /// Waits for something to do, till `next_look` at most.
    async fn wait(&mut self, next_look: Instant) -> Woken {
        let deadline = self.sfu.poll_timeout().map_or(next_look, |at| at.min(next_look));
        let timeout = tokio::time::sleep_until(deadline.into());
        let v6_readable = async {
            match &self.v6 {
                Some(socket) => socket.readable().await,
                None => std::future::pending().await,
            }
        };
        let readable = tokio::select! {
            biased;
            command = self.commands.recv() => return command.map_or(Woken::Stop, Woken::Command),
            readable = self.v4.readable() => readable,
            readable = v6_readable => readable,
            () = timeout => Ok(()),
        };
        if let Err(error) = readable {
            // Only a runtime that shuts down reports this, and ours lives as long as the worker.
            tracing::error!(%error, "a media socket cannot be waited for");
            return Woken::Stop;
        }
        Woken::Ready
    }

    /// Offers addresses that the host has got since the last look.
    fn look_for_addresses(&mut self, now: Instant) {
        let Ok(addresses) = LocalAddresses::of_host(&self.advertise) else { return };
        if addresses == self.addresses {
            return;
        }
        tracing::info!("the addresses of this host have changed");
        for &ip in addresses.candidates() {
            if ip.is_ipv4() || self.v6.is_some() {
                self.sfu.add_local_address(SocketAddr::new(ip, self.port), now);
            }
        }
        self.addresses = addresses;
    }

    fn handle_commands(&mut self, first: Command) {
        let now = Instant::now();
        self.sfu.handle_command(first, now);
        for _ in 1..MAX_COMMANDS {
            let Ok(command) = self.commands.try_recv() else { return };
            self.sfu.handle_command(command, now);
        }
    }

    fn receive(&mut self, buffer: &mut ReceiveBuffer) {
        for socket in [Some(&self.v4), self.v6.as_ref()].into_iter().flatten() {
            for _ in 0..MAX_BATCHES {
                // Errors other than "nothing there" come from ICMP messages about earlier packets.
                if socket.receive(buffer).is_err() {
                    break;
                }
                let now = Instant::now();
                for datagram in buffer.datagrams() {
                    let Some(local) = datagram.destination else { continue };
                    let ip = self.addresses.candidate_of(local);
                    let destination = SocketAddr::new(ip, self.port);
                    self.sfu.handle_datagram(now, datagram.source, destination, datagram.contents);
                }
            }
        }
    }

    /// Sends and reports all that the core has.
    async fn send_all(&mut self) {
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
        while let Some(event) = self.sfu.poll_event() {
            (self.events)(self.shard, event);
        }
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
