//! Groups that show only the cameras of those who spoke last (`max-cameras`).
//!
//! The others' cameras stay offered and wait: a receiver is sent nothing of their pictures until somebody
//! speaks in them, and then from a keyframe on. What is no camera is always shown, and so is all sound.

use std::collections::BTreeSet;

use galene_protocol::{GroupName, StreamId};
use galene_sfu::{EncodingChoice, MediaKind, TrackRequest, TransportId};

use super::Up;
use crate::{Conference, Now, SessionId};

/// The label of streams that count: what the pages of Galène give a camera with a microphone.
const CAMERA: &str = "camera";

impl Up {
    /// Returns whether the pictures of the stream are shown only if few others spoke more recently.
    fn is_camera(&self) -> bool {
        self.label == CAMERA && self.tracks.values().any(|kind| *kind == MediaKind::Video)
    }
}

impl Conference {
    /// Something changed that may bring other cameras to the front in the group of a session.
    pub(super) fn cameras_changed(&mut self, member: SessionId) {
        let Some(name) = self.sessions.get(&member).and_then(|state| state.group()) else { return };
        let Some(known) = self.groups.get(name) else { return };
        if known.group.description().max_cameras.is_some() || !known.cameras.is_empty() {
            self.changed_cameras.insert(name.clone());
        }
    }

    /// Shows other cameras, and others no more, where those who spoke last are others.
    pub(crate) fn settle_cameras(&mut self, now: Now) {
        while let Some(name) = self.changed_cameras.pop_first() {
            let front = self.front(&name);
            let Some(known) = self.groups.get_mut(&name) else { continue };
            let limit = known.group.description().max_cameras;
            let was_limited = std::mem::replace(&mut known.camera_limit, limit);
            let before = std::mem::replace(&mut known.cameras, front);
            let concerned: BTreeSet<TransportId> = if was_limited != limit {
                self.cameras_of(&name)
            } else if before == known.cameras {
                continue;
            } else {
                before.iter().chain(&known.cameras).copied().collect()
            };
            let members = self.groups.get(&name).map(|known| known.group.members());
            let members = members.into_iter().flatten().map(|(member, _)| member.into());
            let members: Vec<SessionId> = members.collect();
            for transport in concerned {
                for &receiver in &members {
                    if self.ups.get(&transport).is_some_and(|up| up.owner != receiver) {
                        self.evaluate(receiver, transport, now);
                    }
                }
            }
        }
    }

    /// Takes away the pictures that a receiver has to do without for now.
    pub(super) fn hold_back(
        &self,
        receiver: SessionId,
        transport: TransportId,
        tracks: &mut [TrackRequest],
    ) {
        let Some(up) = self.ups.get(&transport).filter(|up| up.is_camera()) else { return };
        if self.is_in_front(receiver, transport) {
            return;
        }
        for request in tracks {
            if up.tracks.get(&request.track.section) == Some(&MediaKind::Video) {
                request.encoding = EncodingChoice::Nothing;
            }
        }
    }

    /// Returns whether a camera is one of those that a receiver is to see. Its own do not count.
    fn is_in_front(&self, receiver: SessionId, transport: TransportId) -> bool {
        let group = self.sessions.get(&receiver).and_then(|state| state.group());
        let Some(known) = group.and_then(|name| self.groups.get(name)) else { return true };
        let Some(limit) = known.camera_limit else { return true };
        let is_own =
            |camera: &&TransportId| self.ups.get(*camera).is_some_and(|up| up.owner == receiver);
        let others = known.cameras.iter().filter(|camera| !is_own(camera));
        others.take(limit.get()).any(|camera| *camera == transport)
    }

    /// Returns the cameras of those who spoke last: one more than are shown, since nobody is shown
    /// its own.
    fn front(&self, name: &GroupName) -> Vec<TransportId> {
        let limit = self.groups.get(name).and_then(|known| known.group.description().max_cameras);
        let Some(limit) = limit else { return Vec::new() };
        let mut cameras: Vec<_> = self.cameras_of(name).into_iter().collect();
        let recency =
            |transport: &TransportId| self.ups.get(transport).map(|up| up.voice.recency());
        cameras.sort_by_key(recency);
        cameras.truncate(limit.get().saturating_add(1));
        cameras
    }

    fn cameras_of(&self, name: &GroupName) -> BTreeSet<TransportId> {
        let Some(known) = self.groups.get(name) else { return BTreeSet::new() };
        let transport = |(stream, publisher): (&StreamId, _)| {
            self.sessions.get(&SessionId::from(publisher))?.ups.get(stream).copied()
        };
        let streams = known.group.streams().filter_map(transport);
        streams.filter(|up| self.ups.get(up).is_some_and(Up::is_camera)).collect()
    }
}
