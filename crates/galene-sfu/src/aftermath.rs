//! What is left to do after an engine was called: datagrams to send, events to handle, a timer to set.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use str0m::{Event as EngineEvent, Rtc};

use crate::demux::{Demux, Slot};
use crate::egress::Next;
use crate::engine::{Fault, Outbox};
use crate::timer_wheel::TimerWheel;
use crate::transport::Transport;

/// No transport is woken sooner than this after it was last told the time. An engine that wants to be
/// called again at once, again and again, would otherwise keep the whole shard from its work.
const MIN_SLEEP: Duration = Duration::from_millis(1);

/// Gathers what all transports of a shard leave behind.
#[derive(Debug)]
pub(crate) struct Aftermath {
    pub(crate) out: Outbox,
    pub(crate) demux: Demux,
    pub(crate) inbox: VecDeque<(Slot, EngineEvent)>,
    pub(crate) faults: Vec<(Slot, Fault)>,
    /// One for each transport: when it is woken.
    timers: TimerWheel,
}

impl Aftermath {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            out: Outbox::default(),
            demux: Demux::default(),
            inbox: VecDeque::new(),
            faults: Vec::new(),
            timers: TimerWheel::new(now),
        }
    }

    /// Does something to a transport's engine and takes note of what it leads to.
    ///
    /// `None` means that the engine failed; the transport will be removed.
    pub(crate) fn call<T>(
        &mut self,
        slot: Slot,
        transport: &mut Transport,
        now: Instant,
        action: impl FnOnce(&mut Rtc) -> T,
    ) -> Option<T> {
        if transport.failed {
            return None;
        }
        let (value, result) = match transport.engine.call(&mut self.out, action) {
            Ok(value) => (Some(value), Ok(())),
            Err(fault) => (None, Err(fault)),
        };
        self.settle(slot, transport, now, result);
        value
    }

    /// Does something to a transport's engine that puts nothing out before it is told the time.
    pub(crate) fn touch<T>(
        &mut self,
        slot: Slot,
        transport: &mut Transport,
        action: impl FnOnce(&mut Rtc) -> T,
    ) -> Option<T> {
        if transport.failed {
            return None;
        }
        let result = transport.engine.touch(action);
        result.map_err(|fault| self.fail(slot, transport, fault)).ok()
    }

    /// Tells a transport's engine the time, which also lets it send what was written to it.
    pub(crate) fn drive(&mut self, slot: Slot, transport: &mut Transport, now: Instant) {
        if !transport.failed {
            let result = transport.engine.handle_timeout(&mut self.out, now);
            self.settle(slot, transport, now, result);
        }
    }

    /// Lets packets leave that were written to a transport's engine, and returns how many those are.
    pub(crate) fn release(
        &mut self,
        slot: Slot,
        transport: &mut Transport,
        now: Instant,
        written: Result<u64, Fault>,
    ) -> u64 {
        match written {
            Ok(count) => {
                match transport.after_sending() {
                    Next::Engine => self.drive(slot, transport, now),
                    Next::Timer => self.arm(slot, transport, now),
                    Next::Nothing => {}
                }
                count
            }
            Err(fault) => {
                self.fail(slot, transport, fault);
                0
            }
        }
    }

    /// Takes note of what calling a transport's engine led to. Every call must be followed by this.
    pub(crate) fn settle(
        &mut self,
        slot: Slot,
        transport: &mut Transport,
        now: Instant,
        result: Result<(), Fault>,
    ) {
        self.demux.expect_responses(slot, &mut self.out.checks, now);
        self.inbox.extend(self.out.events.drain(..).map(|event| (slot, event)));
        match result {
            Ok(()) => self.arm(slot, transport, now),
            Err(fault) => self.fail(slot, transport, fault),
        }
    }

    /// Sees to it that a transport is removed and its engine not called any more.
    pub(crate) fn fail(&mut self, slot: Slot, transport: &mut Transport, fault: Fault) {
        transport.failed = true;
        self.faults.push((slot, fault));
    }

    /// Sees to it that the transport is woken at its deadline. A timer that is set for an earlier time
    /// stays, and is set anew when it goes off: a deadline that moves with every packet then costs nothing.
    pub(crate) fn arm(&mut self, slot: Slot, transport: &mut Transport, now: Instant) {
        let deadline = self.timers.round(transport.deadline().max(now + MIN_SLEEP));
        match transport.armed {
            Some(at) if at <= deadline => return,
            Some(at) => self.timers.cancel(at, slot),
            None => {}
        }
        transport.armed = Some(deadline);
        self.timers.set(deadline, slot);
    }

    /// Returns when the next timer goes off.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes out a timer that went off.
    pub(crate) fn pop_timer(&mut self, now: Instant) -> Option<Slot> {
        self.timers.pop(now)
    }

    /// Forgets all about a transport that is gone.
    pub(crate) fn remove(&mut self, slot: Slot, transport: &Transport) {
        if let Some(at) = transport.armed {
            self.timers.cancel(at, slot);
        }
        self.demux.remove(slot);
        self.inbox.retain(|(s, _)| *s != slot);
        self.faults.retain(|(s, _)| *s != slot);
    }

    /// Returns whether nothing is left of any transport.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let out = &self.out;
        self.timers.is_empty()
            && self.inbox.is_empty()
            && self.faults.is_empty()
            && self.demux.is_empty()
            && out.events.is_empty()
            && out.checks.is_empty()
    }
}
