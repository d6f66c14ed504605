//! Slows down those who guess passwords, wherever credentials are in a header.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use galene_auth::Attempts;
use galene_protocol::GroupName;

use crate::half_open::network;

/// Counts wrong credentials of all requests.
#[derive(Debug, Default)]
pub(crate) struct Guard(Mutex<Attempts>);

/// One attempt.
#[derive(Debug)]
#[must_use]
pub(crate) struct Attempt<'a> {
    guard: &'a Guard,
    address: Option<IpAddr>,
    group: Option<&'a GroupName>,
}

impl Guard {
    /// Lets somebody try, or says how long there must be no other attempt. What is given up in the
    /// middle counts as wrong.
    pub(crate) fn begin<'a>(
        &'a self,
        client: Option<SocketAddr>,
        group: Option<&'a GroupName>,
    ) -> Result<Attempt<'a>, Duration> {
        let address = client.map(|client| network(client.ip()));
        self.lock().begin(address, group, Instant::now())?;
        Ok(Attempt { guard: self, address, group })
    }

    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The credentials were right, or nobody could say.
    pub(crate) fn forgive(self) {
        self.guard.lock().succeeded(self.address, self.group);
    }

    /// The credentials were wrong: waits as long as the refusal is to take.
    pub(crate) async fn fail(self) {
        tokio::time::sleep(self.count()).await;
    }

    /// The credentials were wrong. Returns how long the refusal is to take.
    pub(crate) fn count(self) -> Duration {
        self.guard.lock().failed(self.group, Instant::now())
    }
}
