//! What an operator can choose about the media plane.

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroUsize, ParseIntError};
use std::str::FromStr;

/// Where the media plane listens and what it tells its peers about that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConfig {
    /// The UDP ports that may be used. Each shard has one of its own; if there are not enough, shards
    /// share them.
    pub ports: PortRange,
    /// The addresses to offer as candidates instead of those of the host.
    ///
    /// An address that the host does not have is taken to be that of a 1:1 NAT in front of it. Empty
    /// means: every address of the host that others can reach, or loopback if there is none.
    pub advertise: Vec<IpAddr>,
    /// How many shards there are, each a thread. By default one for each core that this process may use.
    pub shards: Option<NonZeroU16>,
    /// Whether several packets for one peer are handed to the kernel at once, if it can take them apart
    /// (UDP segmentation offload). On by default; without it each packet costs about twice as much.
    pub offload: bool,
}

impl MediaConfig {
    /// Returns how many shards there are to be.
    pub(crate) fn shard_count(&self) -> NonZeroU16 {
        self.shards.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            u16::try_from(cores).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN)
        })
    }
}

impl Default for MediaConfig {
    fn default() -> MediaConfig {
        MediaConfig {
            ports: PortRange::default(),
            advertise: Vec::new(),
            shards: None,
            offload: true,
        }
    }
}

/// Some consecutive UDP ports, as in `-udp-range 49152-49300`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    min: u16,
    max: u16,
}

impl PortRange {
    /// One port; 0 lets the kernel choose.
    pub const fn single(port: u16) -> PortRange {
        PortRange { min: port, max: port }
    }

    /// Whether the kernel chooses.
    pub(crate) fn is_ephemeral(self) -> bool {
        self.max == 0
    }

    /// The ports of the range, in the order in which they are tried.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        self.min..=self.max
    }
}

impl Default for PortRange {
    fn default() -> PortRange {
        PortRange::single(8443)
    }
}

impl FromStr for PortRange {
    type Err = ParsePortRangeError;

    fn from_str(text: &str) -> Result<PortRange, ParsePortRangeError> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        let (min, max): (u16, u16) = (min.trim().parse()?, max.trim().parse()?);
        if min > max || (min == 0 && max > 0) {
            return Err(ParsePortRangeError::Order);
        }
        Ok(PortRange { min, max })
    }
}

/// Why a text is not a [`PortRange`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePortRangeError {
    /// One of the two is not a port number.
    #[error("expected a port or MIN-MAX")]
    Number(#[from] ParseIntError),
    /// The range is empty, or goes up from 0.
    #[error("expected MIN-MAX with 0 < MIN ≤ MAX")]
    Order,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_port_or_two_with_a_dash() {
        assert_eq!("8443".parse(), Ok(PortRange::single(8443)));
        assert_eq!("0".parse(), Ok(PortRange::single(0)));
        let range: PortRange = "5000-5002".parse().expect("a valid range");
        assert_eq!(range.iter().collect::<Vec<_>>(), [5000, 5001, 5002]);
    }

    #[test]
    fn a_range_that_names_no_port_is_refused() {
        assert_eq!("9-8".parse::<PortRange>(), Err(ParsePortRangeError::Order));
        assert_eq!("0-9".parse::<PortRange>(), Err(ParsePortRangeError::Order));
        for text in ["", "-", "1-", "-2", "1-2-3", "65536", "a"] {
            assert!(
                matches!(text.parse::<PortRange>(), Err(ParsePortRangeError::Number(_))),
                "{text}"
            );
        }
    }
}
