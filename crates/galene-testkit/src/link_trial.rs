//! One sender, one receiver and the link between them: how well an estimator keeps to the link.

use std::time::{Duration, Instant};

use crate::link_receiver::{LinkReceiver, Received};
use crate::link_sender::{LinkEstimator, LinkSender, Sent};
use crate::{NodeKey, Profile, Simulation, address, epoch};

/// A sender of pictures that keeps to an estimate of its link, a receiver that reports when each packet
/// arrived, and the link.
///
/// Nothing is sent again, so that what goes over the link is what the estimate allows.
#[derive(Debug)]
pub struct LinkTrial {
    simulation: Simulation,
    sender: NodeKey<LinkSender>,
    receiver: NodeKey<LinkReceiver>,
}

const SENDER: std::net::SocketAddr = address(1);
const RECEIVER: std::net::SocketAddr = address(2);

impl LinkTrial {
    /// Connects the two by a link. The pictures have `wanted` bits a second if the link carries them. The engine
    /// estimates by itself if nobody else does, beginning with `start` bits a second; then it also spreads what
    /// it sends and probes in its own way.
    pub fn new(
        seed: u64,
        link: Profile,
        wanted: u64,
        start: u64,
        estimator: Option<Box<dyn LinkEstimator>>,
    ) -> Self {
        let mut simulation = Simulation::new(seed);
        let now = epoch();
        let (sender, offer) = LinkSender::new(now, SENDER, seed, wanted, start, estimator);
        let sender = simulation.add(&[SENDER], sender);
        let receiver = simulation.add(&[RECEIVER], LinkReceiver::new(now, RECEIVER));
        let answer = simulation.get_mut(receiver).handle_offer(now, &offer);
        simulation.get_mut(sender).handle_answer(now, &answer);
        let engine = simulation.get_mut(sender).engine();
        let own = engine.candidates(&offer);
        let peer = simulation.get_mut(receiver).engine();
        let theirs = peer.candidates(&answer);
        // The first of the three candidates has a name that nobody can resolve.
        peer.add_candidate(now, &own[1]).expect("a good candidate");
        let engine = simulation.get_mut(sender).engine();
        engine.add_candidate(now, &theirs[1]).expect("a good candidate");
        let mut trial = Self { simulation, sender, receiver };
        trial.set_link(link);
        trial
    }

    /// Changes the link in both directions.
    pub fn set_link(&mut self, link: Profile) {
        self.simulation.network_mut().set_profiles(SENDER, RECEIVER, link);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration) {
        self.simulation.run_for(duration);
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Instant {
        self.simulation.now()
    }

    /// Returns what was sent so far, padding included.
    pub fn sent(&self) -> &[Sent] {
        self.simulation.get(self.sender).sent()
    }

    /// Returns what has arrived so far, padding included.
    pub fn received(&self) -> &[Received] {
        self.simulation.get(self.receiver).received()
    }

    /// Returns of each packet of a picture that has arrived when it was made, when it arrived and how many
    /// bytes its datagram has.
    pub fn pictures(&self) -> &[(Instant, Instant, usize)] {
        self.simulation.get(self.receiver).pictures()
    }
}
