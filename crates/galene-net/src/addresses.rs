//! Which addresses peers are told, and how they map to those that the host has.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

/// The most candidates that are offered. A host with containers can have hundreds of addresses, and
/// every candidate is a line in every description and a check for every peer; 16 covers a host with
/// several networks in both families.
const MAX_CANDIDATES: usize = 16;

/// The addresses of this host as peers see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalAddresses {
    host: BTreeSet<IpAddr>,
    candidates: Vec<IpAddr>,
}

impl LocalAddresses {
    /// Looks at the interfaces of this host.
    pub(crate) fn of_host(advertise: &[IpAddr]) -> io::Result<LocalAddresses> {
        let interfaces = if_addrs::get_if_addrs()?;
        let up = interfaces.iter().filter(|i| i.is_oper_up() || i.is_loopback());
        Ok(LocalAddresses::new(up.map(if_addrs::Interface::ip), advertise))
    }

    fn new(host: impl Iterator<Item = IpAddr>, advertise: &[IpAddr]) -> LocalAddresses {
        // Every loopback address is the host's, whether or not an interface lists it.
        let loopback = advertise.iter().copied().filter(IpAddr::is_loopback);
        let host: BTreeSet<IpAddr> = host.chain(loopback).collect();
        let mut candidates: Vec<IpAddr> = Vec::new();
        if advertise.is_empty() {
            candidates.extend(host.iter().filter(|ip| !ip.is_loopback() && !is_link_local(**ip)));
            if candidates.is_empty() {
                candidates.extend(host.iter().filter(|ip| ip.is_loopback()));
            }
        } else {
            for ip in advertise {
                if !candidates.contains(ip) {
                    candidates.push(*ip);
                }
            }
        }
        candidates.truncate(MAX_CANDIDATES);
        LocalAddresses { host, candidates }
    }

    /// The addresses to offer.
    pub(crate) fn candidates(&self) -> &[IpAddr] {
        &self.candidates
    }

    /// The candidate that a datagram to the host's address `local` was meant for.
    pub(crate) fn candidate_of(&self, local: IpAddr) -> IpAddr {
        if self.candidates.contains(&local) {
            return local;
        }
        let behind_nat = |c: &&IpAddr| !self.host.contains(c) && c.is_ipv4() == local.is_ipv4();
        self.candidates.iter().find(behind_nat).copied().unwrap_or(local)
    }

    /// The source address to set on what leaves from `candidate`; `None` if the host has no such
    /// address, so that the kernel has to choose.
    pub(crate) fn source_of(&self, candidate: IpAddr) -> Option<IpAddr> {
        self.host.contains(&candidate).then_some(candidate)
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|t| t.parse().expect("an address")).collect()
    }

    fn addresses(host: &[&str], advertise: &[&str]) -> LocalAddresses {
        LocalAddresses::new(ips(host).into_iter(), &ips(advertise))
    }

    const HOST: &[&str] =
        &["127.0.0.1", "::1", "192.0.2.7", "169.254.3.4", "2001:db8::7", "fe80::7"];

    #[test]
    fn what_others_can_reach_is_offered() {
        assert_eq!(addresses(HOST, &[]).candidates(), ips(&["192.0.2.7", "2001:db8::7"]));
    }

    #[test]
    fn loopback_is_offered_only_if_there_is_nothing_else_or_if_asked_for() {
        let alone = addresses(&["127.0.0.1", "::1", "fe80::7"], &[]);
        assert_eq!(alone.candidates(), ips(&["127.0.0.1", "::1"]));
        let asked = addresses(HOST, &["127.0.0.1", "127.0.0.1"]);
        assert_eq!(asked.candidates(), ips(&["127.0.0.1"]));
        assert_eq!(asked.source_of(ips(&["127.0.0.1"])[0]), Some(ips(&["127.0.0.1"])[0]));
    }

    #[test]
    fn an_address_of_a_nat_stands_for_what_arrives_in_its_family() {
        let natted = addresses(HOST, &["203.0.113.9", "2001:db8::7"]);
        let [public, own4, own6] = ips(&["203.0.113.9", "192.0.2.7", "2001:db8::7"])[..] else {
            unreachable!("three addresses")
        };
        assert_eq!(natted.candidate_of(own4), public);
        assert_eq!(natted.source_of(public), None);
        assert_eq!(natted.candidate_of(own6), own6);
        assert_eq!(natted.source_of(own6), Some(own6));
    }

    #[test]
    fn an_address_that_is_offered_keeps_its_name_beside_a_nat() {
        let natted = addresses(HOST, &["203.0.113.9", "192.0.2.7"]);
        let own = ips(&["192.0.2.7"])[0];
        assert_eq!(natted.candidate_of(own), own);
    }

    #[test]
    fn a_host_with_very_many_addresses_offers_some_of_them() {
        let host: Vec<String> = (1..=200).map(|n| format!("10.0.0.{n}")).collect();
        let host: Vec<&str> = host.iter().map(String::as_str).collect();
        assert_eq!(addresses(&host, &[]).candidates().len(), MAX_CANDIDATES);
    }
}
