//! What is left to do after an engine was called: datagrams to send, events to handle, a timer to set.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use str0m::Event as EngineEvent;

use crate::demux::{Demux, Slot};
use crate::engine::{Fault, Outbox};
use crate::transport::Transport;

/// Gathers what all transports of a shard leave behind.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    pub(crate) out: Outbox,
    pub(crate) demux: Demux,
    pub(crate) inbox: VecDeque<(Slot, EngineEvent)>,
    pub(crate) faults: Vec<(Slot, Fault)>,
    timers: BinaryHeap<Reverse<(Instant, Slot)>>,
}

impl Aftermath {
    /// Takes note of what calling a transport's engine led to. Every call must be followed by this.
    pub(crate) fn settle(
        &mut self,
        slot: Slot,
        transport: &mut Transport,
        result: Result<(), Fault>,
    ) {
        self.demux.expect_responses(slot, &mut self.out.checks);
        self.inbox.extend(self.out.events.drain(..).map(|event| (slot, event)));
        match result {
            Ok(()) => self.arm(slot, transport),
            Err(fault) => self.faults.push((slot, fault)),
        }
    }

    /// Tells a transport's engine the time, which also lets it send what was written to it.
    pub(crate) fn drive(&mut self, slot: Slot, transport: &mut Transport, now: Instant) {
        let result = transport.engine.handle_timeout(&mut self.out, now);
        self.settle(slot, transport, result);
    }

    /// Sees to it that the transport is woken at its deadline. A timer that is set for an earlier time
    /// stays, and is set anew when it goes off: a deadline that moves with every packet then costs nothing.
    pub(crate) fn arm(&mut self, slot: Slot, transport: &mut Transport) {
        let deadline = transport.deadline();
        if transport.armed.is_none_or(|at| deadline < at) {
            transport.armed = Some(deadline);
            self.timers.push(Reverse((deadline, slot)));
        }
    }

    /// Returns when the next timer goes off. It may be one of a transport that is gone.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out a timer that went off.
    pub(crate) fn pop_timer(&mut self, now: Instant) -> Option<(Instant, Slot)> {
        let Reverse((at, _)) = self.timers.peek()?;
        (*at <= now).then(|| self.timers.pop()).flatten().map(|Reverse(timer)| timer)
    }
}
