//! Who publishes under which id.

use galene_protocol::StreamId;

use super::Group;
use crate::limits::MAX_STREAMS_PER_MEMBER;
use crate::{Action, MemberId, Refusal};

impl Group {
    /// Gives a stream id to a member. Ids are the same towards all receivers, so no two streams of a
    /// group can share one.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the member may not publish, publishes too much, or the id is in use.
    pub fn publish(&mut self, member: MemberId, stream: StreamId) -> Result<(), Refusal> {
        self.allowed(member, Action::Publish, None)?;
        if self.streams.contains_key(&stream) {
            return Err(Refusal::IdInUse);
        }
        let publisher = self.members.get_mut(&member).ok_or(Refusal::NotAMember)?;
        if publisher.streams.len() >= MAX_STREAMS_PER_MEMBER {
            return Err(Refusal::TooManyStreams);
        }
        publisher.streams.insert(stream.clone());
        self.streams.insert(stream, member);
        Ok(())
    }

    /// Takes a stream id back from the member that it was given to.
    pub fn unpublish(&mut self, member: MemberId, stream: &StreamId) {
        let Some(publisher) = self.members.get_mut(&member) else { return };
        if publisher.streams.remove(stream) {
            self.streams.remove(stream);
        }
    }

    /// Returns the ids of all streams with their publishers.
    pub fn streams(&self) -> impl Iterator<Item = (&StreamId, MemberId)> {
        self.streams.iter().map(|(stream, publisher)| (stream, *publisher))
    }
}
