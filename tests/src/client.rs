//! A client that speaks Galène's protocol, as its web client does.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use galene_testkit::{
    NodeKey, PublisherPeer, Simulation, SubscriberConfig, SubscriberPeer, address,
};
use serde_json::{Value, json};

/// What a client has and what it was told.
///
/// It reacts to streams, candidates, signs of life and wishes for encodings by itself; everything else is up to the test.
#[derive(Debug)]
pub struct Client {
    id: String,
    /// The hosts of its transports are numbered from here.
    first_host: u16,
    transports: u16,
    ups: BTreeMap<String, NodeKey<PublisherPeer>>,
    downs: BTreeMap<String, Down>,
    /// The streams that were closed or replaced, with what was received of them.
    past: Vec<(String, Down)>,
    received: Vec<Value>,
    closed: Option<(u16, String)>,
}

/// A stream that a client receives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Down {
    pub(crate) peer: NodeKey<SubscriberPeer>,
    address: SocketAddr,
}

/// So many addresses are set aside for each client.
pub(crate) const HOSTS_PER_CLIENT: u16 = 100;

impl Client {
    pub(crate) fn new(id: &str, first_host: u16) -> Self {
        Self {
            id: id.to_owned(),
            first_host,
            transports: 0,
            ups: BTreeMap::new(),
            downs: BTreeMap::new(),
            past: Vec::new(),
            received: Vec::new(),
            closed: None,
        }
    }

    /// Returns the id that it chose.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns all that it was told, oldest first.
    pub fn received(&self) -> &[Value] {
        &self.received
    }

    /// Returns the messages of a type, oldest first.
    pub fn received_of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.received.iter().filter(move |message| message["type"] == kind)
    }

    /// Returns the latest `joined` message.
    pub fn joined(&self) -> Option<&Value> {
        self.received_of("joined").last()
    }

    /// Returns the ids of the streams that it publishes.
    pub fn ups(&self) -> impl Iterator<Item = &str> {
        self.ups.keys().map(String::as_str)
    }

    /// Returns the ids of the streams that it was offered and that were not closed.
    pub fn downs(&self) -> impl Iterator<Item = &str> {
        self.downs.keys().map(String::as_str)
    }

    /// Returns code and reason, if the server closed the connection.
    pub fn closed(&self) -> Option<(u16, &str)> {
        self.closed.as_ref().map(|(code, reason)| (*code, reason.as_str()))
    }

    pub(crate) fn up(&self, id: &str) -> Option<NodeKey<PublisherPeer>> {
        self.ups.get(id).copied()
    }

    pub(crate) fn down(&self, id: &str) -> Option<NodeKey<SubscriberPeer>> {
        self.downs.get(id).map(|down| down.peer)
    }

    pub(crate) fn down_address(&self, id: &str) -> Option<SocketAddr> {
        self.downs.get(id).map(|down| down.address)
    }

    /// Returns all transports over which anything is or was received, with the ids of their streams.
    pub(crate) fn all_downs(&self) -> impl Iterator<Item = (&str, NodeKey<SubscriberPeer>)> {
        let present = self.downs.iter().map(|(id, down)| (id.as_str(), down.peer));
        present.chain(self.past.iter().map(|(id, down)| (id.as_str(), down.peer)))
    }

    /// Takes an address for another transport.
    pub(crate) fn next_address(&mut self) -> SocketAddr {
        assert!(self.transports < HOSTS_PER_CLIENT, "{} has too many transports", self.id);
        self.transports += 1;
        address(self.first_host + self.transports - 1)
    }

    /// Publishes a stream; returns the messages that say so.
    pub(crate) fn publish(
        &mut self,
        simulation: &mut Simulation,
        (id, label, replace): (&str, &str, Option<&str>),
        (address, peer): (SocketAddr, PublisherPeer),
    ) -> Vec<Value> {
        let key = simulation.add(&[address], peer);
        if let Some(replaced) = replace.and_then(|id| self.ups.remove(id)) {
            let now = simulation.now();
            simulation.get_mut(replaced).close(now);
        }
        self.ups.insert(id.to_owned(), key);
        let peer = simulation.get_mut(key);
        let sdp = peer.offer();
        let mut offer = json!({ "type": "offer", "id": id, "label": label, "sdp": sdp });
        if let Some(replace) = replace {
            offer["replace"] = replace.into();
        }
        std::iter::once(offer).chain(trickle(id, peer.candidates(&sdp))).collect()
    }

    /// Ends a stream that it publishes; returns the message that says so.
    pub(crate) fn unpublish(&mut self, simulation: &mut Simulation, id: &str) -> Vec<Value> {
        let now = simulation.now();
        match self.ups.remove(id) {
            Some(key) => {
                simulation.get_mut(key).close(now);
                vec![json!({ "type": "close", "id": id })]
            }
            None => Vec::new(),
        }
    }

    /// Takes in a message of the server; returns what it answers.
    ///
    /// # Panics
    ///
    /// Panics at anything that the web client could not use.
    pub(crate) fn handle(&mut self, simulation: &mut Simulation, message: Value) -> Vec<Value> {
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        let answers = match message["type"].as_str().expect("each message has a type") {
            "ping" => vec![json!({ "type": "pong" })],
            "offer" => self.handle_offer(simulation, &id, &message),
            "answer" => {
                let now = simulation.now();
                let peer = simulation.get_mut(self.ups[&id]);
                let sdp = message["sdp"].as_str().expect("an answer has SDP");
                peer.handle_answer(now, sdp).unwrap_or_else(|e| panic!("{e} in {message}"));
                Vec::new()
            }
            "ice" => {
                self.handle_candidate(simulation, &id, &message["candidate"]);
                Vec::new()
            }
            "renegotiate" => {
                let peer = simulation.get_mut(self.ups[&id]);
                let sdp = peer.restart_ice();
                let candidates = peer.candidates(&sdp);
                let offer = json!({ "type": "offer", "id": id, "sdp": sdp });
                std::iter::once(offer).chain(trickle(&id, candidates)).collect()
            }
            "encodings" => {
                let encodings = message["encodings"].as_array().expect("a list of encodings");
                let active = |encoding: &Value| encoding["active"].as_bool();
                let active = encodings.iter().map(|e| active(e).expect("whether it is active"));
                let active: Vec<bool> = active.collect();
                // The stream may have ended meanwhile.
                if let Some(key) = self.up(&id) {
                    simulation.get_mut(key).set_encodings_active(&active);
                }
                Vec::new()
            }
            "close" => {
                self.forget_down(simulation, &id);
                Vec::new()
            }
            "abort" => self.unpublish(simulation, &id),
            _ => Vec::new(),
        };
        self.received.push(message);
        answers
    }

    /// Takes note that the server closed the connection: all transports are gone with it.
    pub(crate) fn handle_close(&mut self, simulation: &mut Simulation, code: u16, reason: String) {
        self.closed = Some((code, reason));
        let now = simulation.now();
        for key in std::mem::take(&mut self.ups).into_values() {
            simulation.get_mut(key).close(now);
        }
        for id in self.downs.keys().cloned().collect::<Vec<_>>() {
            self.forget_down(simulation, &id);
        }
    }

    fn handle_offer(&mut self, simulation: &mut Simulation, id: &str, offer: &Value) -> Vec<Value> {
        let now = simulation.now();
        if let Some(replaced) = offer["replace"].as_str() {
            self.forget_down(simulation, replaced);
        }
        if !self.downs.contains_key(id) {
            let address = self.next_address();
            let peer = SubscriberPeer::new(now, SubscriberConfig::new(address));
            let peer = simulation.add(&[address], peer);
            self.downs.insert(id.to_owned(), Down { peer, address });
        }
        let peer = simulation.get_mut(self.downs[id].peer);
        let sdp = offer["sdp"].as_str().expect("an offer has SDP");
        let answer = peer.handle_offer(now, sdp).unwrap_or_else(|e| panic!("{e} in {offer}"));
        let candidates = peer.candidates(&answer);
        let answer = json!({ "type": "answer", "id": id, "sdp": answer });
        std::iter::once(answer).chain(trickle(id, candidates)).collect()
    }

    fn handle_candidate(&mut self, simulation: &mut Simulation, id: &str, candidate: &Value) {
        let now = simulation.now();
        let text = candidate["candidate"].as_str().expect("a candidate has a text");
        let added = if let Some(key) = self.up(id) {
            simulation.get_mut(key).add_candidate(now, text)
        } else if let Some(key) = self.down(id) {
            simulation.get_mut(key).add_candidate(now, text)
        } else {
            Ok(())
        };
        added.unwrap_or_else(|error| panic!("{error} in {candidate}"));
    }

    fn forget_down(&mut self, simulation: &mut Simulation, id: &str) {
        if let Some(down) = self.downs.remove(id) {
            let now = simulation.now();
            simulation.get_mut(down.peer).close(now);
            self.past.push((id.to_owned(), down));
        }
    }
}

fn trickle(id: &str, candidates: Vec<String>) -> impl Iterator<Item = Value> {
    candidates.into_iter().map(move |candidate| {
        let candidate = json!({ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 });
        json!({ "type": "ice", "id": id, "candidate": candidate })
    })
}
