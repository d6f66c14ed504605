//! A media plane with publishers and subscribers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use galene_net::{MediaConfig, MediaPlane, PortRange, ShardStatistics, StartError};
use galene_sfu::{
    Codec, Command, EncodingChoice, Event, ShardId, TrackId, TrackRequest, TransportId,
};
use galene_testkit::{
    PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec, epoch,
};
use tokio::sync::mpsc::Sender;

use crate::peer::Peer;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long an event is waited for before sockets and timers are looked at again.
const TICK: Duration = Duration::from_millis(1);
/// The places of the tracks in a publisher's offer.
const SECTIONS: [u16; 2] = [0, 1];

/// A media plane with publishers and subscribers.
pub(crate) struct Stage {
    pub(crate) plane: MediaPlane,
    commands: Vec<Sender<Command>>,
    events: mpsc::Receiver<(u16, Event)>,
    /// The addresses of the peers, and what is between them and the server.
    peers: IpAddr,
    nat: Option<(IpAddr, IpAddr)>,
    pub(crate) publishers: BTreeMap<TransportId, (ShardId, Peer<PublisherPeer>)>,
    pub(crate) subscribers: BTreeMap<TransportId, (ShardId, Peer<SubscriberPeer>)>,
    last_transport: u64,
}

/// Settings for shards on loopback, each with a port of its own.
pub(crate) fn loopback(shards: u16) -> MediaConfig {
    MediaConfig {
        ports: PortRange::single(0),
        advertise: vec![LOOPBACK],
        shards: NonZeroU16::new(shards),
        ..MediaConfig::default()
    }
}

/// The numbers that the packets of a publisher's tracks carry: audio, video.
pub(crate) fn streams(publisher: TransportId) -> [u32; 2] {
    let number = u32::try_from(publisher.0).unwrap();
    [10 * number, 10 * number + 1]
}

impl Stage {
    pub(crate) fn new(config: &MediaConfig) -> Stage {
        Stage::start(config, LOOPBACK, None).unwrap()
    }

    pub(crate) fn start(
        config: &MediaConfig,
        peers: IpAddr,
        nat: Option<(IpAddr, IpAddr)>,
    ) -> Result<Stage, StartError> {
        // The stand-ins count from there.
        let _start = epoch();
        let (sender, events) = mpsc::channel();
        let sink = Arc::new(move |shard, event| {
            // A test that has seen enough no longer listens.
            let _gone: Result<(), _> = sender.send((shard, event));
        });
        let plane = MediaPlane::start(config, sink)?;
        let (publishers, subscribers) = (BTreeMap::new(), BTreeMap::new());
        let commands = plane.commands();
        let last_transport = 0;
        Ok(Stage { plane, commands, events, peers, nat, publishers, subscribers, last_transport })
    }

    /// Starts to publish audio and video.
    pub(crate) fn publish(&mut self, shard: ShardId) -> TransportId {
        let transport = self.next_transport();
        let [audio, video] = streams(transport);
        let mut peer = Peer::new(self.peers, self.nat, |address| {
            let config = PublisherConfig::new(address);
            let config = config.track(TrackSpec::audio(audio)).track(TrackSpec::video(video));
            PublisherPeer::new(Instant::now(), config)
        });
        let sdp = peer.node.offer();
        let candidates = peer.node.candidates(&sdp);
        self.publishers.insert(transport, (shard, peer));
        self.offer(shard, transport, sdp, candidates);
        transport
    }

    /// Starts to receive what some publishers publish.
    pub(crate) fn subscribe(&mut self, shard: ShardId, to: &[TransportId]) -> TransportId {
        let peer = Peer::new(self.peers, self.nat, subscriber);
        self.subscribe_as(peer, shard, to)
    }

    /// Closes a subscriber and starts another one with the same address.
    pub(crate) fn replace_subscriber(
        &mut self,
        old: TransportId,
        shard: ShardId,
        to: &[TransportId],
    ) -> TransportId {
        let (old_shard, peer) = self.subscribers.remove(&old).unwrap();
        self.command(old_shard, Command::Close { transport: old });
        self.subscribe_as(peer.replace(subscriber), shard, to)
    }

    fn subscribe_as(
        &mut self,
        peer: Peer<SubscriberPeer>,
        shard: ShardId,
        to: &[TransportId],
    ) -> TransportId {
        let transport = self.next_transport();
        self.subscribers.insert(transport, (shard, peer));
        let tracks = SECTIONS
            .into_iter()
            .flat_map(|section| to.iter().map(move |&transport| TrackId { transport, section }));
        let tracks = tracks.map(|track| {
            TrackRequest::new(track, self.publishers[&track.transport].0, EncodingChoice::Best)
        });
        let tracks = tracks.collect();
        self.command(
            shard,
            Command::Subscribe {
                transport,
                client: galene_sfu::ClientId(transport.0),
                stream_id: "s".to_owned(),
                tracks,
            },
        );
        transport
    }

    /// Lets everybody go on until something has come true.
    pub(crate) fn run_until(&mut self, mut is_reached: impl FnMut(&mut Stage) -> bool) {
        while !is_reached(self) {
            let mut has_heard = false;
            for (_, peer) in self.publishers.values_mut() {
                has_heard |= peer.run();
            }
            for (_, peer) in self.subscribers.values_mut() {
                has_heard |= peer.run();
            }
            if !has_heard && let Ok((shard, event)) = self.events.recv_timeout(TICK) {
                self.handle_event(ShardId(shard), event);
            }
            while let Ok((shard, event)) = self.events.try_recv() {
                self.handle_event(ShardId(shard), event);
            }
        }
    }

    /// How many frames of a publisher's tracks a subscriber could show: audio, video.
    pub(crate) fn shown(&self, subscriber: TransportId, publisher: TransportId) -> [u64; 2] {
        let node = &self.subscribers[&subscriber].1.node;
        streams(publisher).map(|stream| {
            node.track_from(stream).map_or(0, |track| track.checker().report().frames_rendered)
        })
    }

    /// Lets everybody go on until all subscribers have been shown so many more frames of both tracks of a
    /// publisher.
    pub(crate) fn show_more(&mut self, publisher: TransportId, frames: u64) {
        let subscribers: Vec<_> = self.subscribers.keys().copied().collect();
        let before: Vec<_> = subscribers.iter().map(|s| self.shown(*s, publisher)).collect();
        self.run_until(|stage| {
            subscribers.iter().zip(&before).all(|(subscriber, before)| {
                let now = stage.shown(*subscriber, publisher);
                now.iter().zip(before).all(|(now, before)| *now >= before + frames)
            })
        });
    }

    /// Lets a subscriber ask for keyframes till the publisher has heard of it.
    pub(crate) fn ask_for_keyframe(&mut self, subscriber: TransportId, publisher: TransportId) {
        let requests =
            |stage: &Stage| stage.publishers[&publisher].1.node.counts(1, 0).keyframe_requests;
        let before = requests(self);
        // One that comes shortly after that of another subscriber is answered by the same keyframe.
        self.run_until(|stage| {
            let (_, peer) = stage.subscribers.get_mut(&subscriber).unwrap();
            peer.node.request_keyframes(Instant::now());
            requests(stage) > before
        });
    }

    /// Lets a publisher go on from another address, by an ICE restart.
    pub(crate) fn move_publisher(&mut self, transport: TransportId) {
        let (shard, peer) = self.publishers.get_mut(&transport).unwrap();
        let (shard, address) = (*shard, peer.change_address());
        let sdp = peer.node.move_to(address);
        let candidates = peer.node.candidates(&sdp);
        self.offer(shard, transport, sdp, candidates);
    }

    /// Lets a subscriber go on from another address, by an ICE restart.
    pub(crate) fn move_subscriber(&mut self, transport: TransportId) {
        let (shard, peer) = self.subscribers.get_mut(&transport).unwrap();
        let (shard, address) = (*shard, peer.change_address());
        peer.node.move_to(address);
        self.command(shard, Command::RestartIce { transport });
    }

    /// Nobody was sent anything that a receiver could not use.
    pub(crate) fn assert_clean(&self) {
        for (_, peer) in self.subscribers.values() {
            peer.node.assert_clean();
        }
    }

    /// What the shards said last about what they have done.
    pub(crate) fn statistics(&self) -> Vec<ShardStatistics> {
        self.plane.statistics().iter().map(|shard| *shard.borrow()).collect()
    }

    /// Ends the plane, and returns what its shards have done all in all.
    pub(crate) fn end(self) -> Vec<ShardStatistics> {
        let statistics = self.plane.statistics();
        drop(self.commands);
        self.plane.join().unwrap();
        statistics.iter().map(|shard| *shard.borrow()).collect()
    }

    fn next_transport(&mut self) -> TransportId {
        self.last_transport += 1;
        TransportId(self.last_transport)
    }

    fn offer(&self, shard: ShardId, transport: TransportId, sdp: String, candidates: Vec<String>) {
        let codecs = vec![Codec::Vp8, Codec::Opus];
        self.command(shard, Command::Offer { transport, sdp, codecs });
        for candidate in candidates {
            self.command(shard, Command::AddCandidate { transport, candidate });
        }
    }

    fn command(&self, shard: ShardId, command: Command) {
        self.commands[usize::from(shard.0)].blocking_send(command).unwrap();
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "any other event is a failure")]
    fn handle_event(&mut self, shard: ShardId, event: Event) {
        match event {
            Event::Answer { transport, sdp } => {
                let (placed, peer) = self.publishers.get_mut(&transport).unwrap();
                assert_eq!(*placed, shard);
                peer.node.handle_answer(Instant::now(), &sdp).unwrap();
            }
            Event::Offer { transport, sdp } => {
                let (placed, peer) = self.subscribers.get_mut(&transport).unwrap();
                assert_eq!(*placed, shard);
                let sdp = peer.node.handle_offer(Instant::now(), &sdp).unwrap();
                let candidates = peer.node.candidates(&sdp);
                self.command(shard, Command::Answer { transport, sdp });
                for candidate in candidates {
                    self.command(shard, Command::AddCandidate { transport, candidate });
                }
            }
            Event::Connected { .. }
            | Event::Speech { .. }
            | Event::TrackStarted { .. }
            | Event::EncodingsAsked { .. }
            // A machine that does other things too delays packets as a link does that is too narrow.
            | Event::ServiceChanged { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

fn subscriber(address: SocketAddr) -> SubscriberPeer {
    SubscriberPeer::new(Instant::now(), SubscriberConfig::new(address))
}
