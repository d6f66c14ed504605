//! A call for tests of what only this crate can see.

use std::time::{Duration, Instant};

use galene_testkit::{
    Datagram, Node, PublisherConfig, PublisherPeer, SubscriberConfig, SubscriberPeer, TrackSpec,
    address, epoch,
};

use crate::{
    Codec, Command, EncodingChoice, Event, Sfu, SfuConfig, ShardId, TrackId, TrackRequest,
    TransportId,
};

pub(crate) const PUBLISHER: TransportId = TransportId(1);
pub(crate) const VICTIM: TransportId = TransportId(2);
pub(crate) const OTHERS: [TransportId; 2] = [TransportId(3), TransportId(4)];
pub(crate) const MS: Duration = Duration::from_millis(1);

/// A publisher and three subscribers around a core, without any network between them.
pub(crate) struct Call {
    pub(crate) now: Instant,
    pub(crate) sfu: Sfu,
    pub(crate) publisher: PublisherPeer,
    pub(crate) subscribers: Vec<SubscriberPeer>,
    events: Vec<Event>,
}

pub(crate) fn request(section: u16) -> TrackRequest {
    let track = TrackId { transport: PUBLISHER, section };
    TrackRequest::new(track, ShardId(0), EncodingChoice::Best)
}

impl Call {
    /// Connects everybody and lets them watch for a second.
    pub(crate) fn connect() -> Self {
        Self::connect_to(TrackSpec::video(11))
    }

    /// Does the same with another track, which has to be of stream 11.
    pub(crate) fn connect_to(track: TrackSpec) -> Self {
        let now = epoch();
        let config = PublisherConfig::new(address(1)).track(track);
        let mut call = Self {
            now,
            sfu: Sfu::new(SfuConfig::new(vec![address(0)], 1), now),
            publisher: PublisherPeer::new(now, config),
            subscribers: Vec::new(),
            events: Vec::new(),
        };
        let (sdp, codecs) = (call.publisher.offer(), vec![Codec::Vp8]);
        call.sfu.handle_command(Command::Offer { transport: PUBLISHER, sdp, codecs }, now);
        while call.sfu.tracks.is_empty() {
            call.run(MS);
        }
        for transport in [VICTIM, OTHERS[0], OTHERS[1]] {
            let host = u16::try_from(transport.0).expect("a small number");
            let config = SubscriberConfig::new(address(host));
            call.subscribers.push(SubscriberPeer::new(call.now, config));
            let (stream_id, tracks) = (String::new(), vec![request(0)]);
            call.sfu.handle_command(
                Command::Subscribe {
                    transport,
                    client: crate::ClientId(transport.0),
                    stream_id,
                    tracks,
                },
                call.now,
            );
            call.run(MS * 10);
        }
        call.run(MS * 1_000);
        assert!(call.frames().iter().all(|frames| *frames > 20), "{:?}", call.frames());
        call
    }

    /// Advances in steps, as a socket does that is drained now and then.
    pub(crate) fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.now < until {
            self.now += MS;
            self.sfu.handle_timeout(self.now);
            self.publisher.handle_timeout(self.now);
            self.subscribers.iter_mut().for_each(|s| s.handle_timeout(self.now));
            while self.exchange() {}
        }
    }

    /// Carries everything that waits; returns whether there was anything.
    fn exchange(&mut self) -> bool {
        let peers = self.subscribers.iter_mut();
        let mut sent: Vec<_> = std::iter::from_fn(|| self.publisher.poll_transmit()).collect();
        sent.extend(peers.flat_map(|peer| std::iter::from_fn(|| peer.poll_transmit())));
        for d in &sent {
            self.sfu.handle_datagram(self.now, d.source, d.destination, &d.contents);
        }
        while let Some(event) = self.sfu.poll_event() {
            self.handle_event(&event);
            self.events.push(event);
        }
        let mut received = Vec::new();
        while let Some(t) = self.sfu.poll_transmit(1) {
            let (source, destination) = (t.source, t.destination);
            received.push(Datagram { source, destination, contents: t.contents.into() });
        }
        for datagram in &received {
            self.publisher_or_subscriber(datagram);
        }
        !sent.is_empty() || !received.is_empty()
    }

    fn publisher_or_subscriber(&mut self, datagram: &Datagram) {
        let hosts = (2..).map(address);
        if datagram.destination == address(1) {
            self.publisher.handle_datagram(self.now, datagram);
        }
        for (host, peer) in hosts.zip(&mut self.subscribers) {
            if datagram.destination == host {
                peer.handle_datagram(self.now, datagram);
            }
        }
    }

    fn handle_event(&mut self, event: &Event) {
        if let Event::Answer { sdp, .. } = event {
            self.publisher.handle_answer(self.now, sdp).expect("a good answer");
        } else if let Event::Offer { transport, sdp } = event {
            let at = usize::try_from(transport.0 - 2).expect("a small number");
            let sdp = self.subscribers[at].handle_offer(self.now, sdp).expect("a good offer");
            let transport = *transport;
            self.sfu.handle_command(Command::Answer { transport, sdp }, self.now);
        }
    }

    pub(crate) fn frames(&self) -> Vec<u64> {
        let tracks = self.subscribers.iter().map(|peer| peer.track_from(11));
        tracks.map(|t| t.map_or(0, |t| t.checker().report().frames_rendered)).collect()
    }

    /// The descriptions that this subscriber was offered.
    pub(crate) fn offers(&self, to: TransportId) -> Vec<&str> {
        let mut offers = Vec::new();
        for event in &self.events {
            if let Event::Offer { transport, sdp } = event
                && *transport == to
            {
                offers.push(sdp.as_str());
            }
        }
        offers
    }

    pub(crate) fn closed(&self) -> Vec<Event> {
        let closed = |event: &&Event| matches!(event, Event::Closed { .. });
        self.events.iter().filter(closed).cloned().collect()
    }
}
