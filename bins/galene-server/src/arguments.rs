//! The command line: Galène's options, with one dash or two, and some of our own.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{CommandFactory, Parser};
use galene_net::PortRange;

/// A video conference server.
///
/// Every option may be written with one dash or with two.
#[derive(Debug, Clone, Parser)]
#[command(name = "galene-server", version, about)]
pub(crate) struct Arguments {
    /// Where to listen for HTTP: a port, an address with a port, or the path of a socket in the file
    /// system, which begins with a slash
    #[arg(long, value_name = "ADDRESS", default_value = ":8443")]
    pub(crate) http: HttpAddress,

    /// Look at the configuration and all groups, say what is wrong with them, and end
    #[arg(long)]
    pub(crate) check: bool,

    /// Serve plain HTTP, for use behind a proxy that does TLS
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) insecure: bool,

    /// The directory of certificate and configuration
    #[arg(long, value_name = "DIRECTORY", default_value = "data")]
    pub(crate) data: PathBuf,

    /// The directory of the groups' definitions
    #[arg(long, value_name = "DIRECTORY", default_value = "groups")]
    pub(crate) groups: PathBuf,

    /// Serve the web client in this directory instead of the one in the program
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) r#static: Option<PathBuf>,

    /// The UDP port for media, or a range MIN-MAX of which the first free ones are used, one for each
    /// thread that forwards media
    #[arg(long, value_name = "PORTS", default_value = "8443")]
    pub(crate) udp_range: PortRange,

    /// How many threads forward media; one for each core if not given. If there are fewer ports, they
    /// share them
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<NonZeroU16>,

    /// Hand each packet to the kernel alone, to measure what UDP segmentation offload saves
    #[arg(long, hide = true)]
    pub(crate) no_offload: bool,

    /// The directory of recordings
    #[arg(long, value_name = "DIRECTORY", default_value = "recordings")]
    pub(crate) recordings: PathBuf,

    /// The built-in TURN server, which does not exist yet
    #[arg(long, value_name = "ADDRESS", default_value = "auto")]
    pub(crate) turn: String,

    /// Resolve the names that browsers give instead of their own addresses, which does not exist yet
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) mdns: bool,

    /// Send all media through a TURN server, which does not exist yet
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub(crate) relay_only: bool,

    /// Accepted, so that scripts for Galène work; profiles are made by other means
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) cpuprofile: Option<PathBuf>,

    /// Accepted, as -cpuprofile is
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) memprofile: Option<PathBuf>,

    /// Accepted, as -cpuprofile is
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) mutexprofile: Option<PathBuf>,

    /// Offer this address for media instead of those of the host, for instance that of a NAT in front
    /// of it, or a loopback address; may be given several times
    #[arg(long, value_name = "IP")]
    pub(crate) advertise: Vec<IpAddr>,
}

impl Arguments {
    /// Reads a command line, the name of the program first.
    pub(crate) fn read(line: impl Iterator<Item = OsString>) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(galene_arguments::to_clap(&Arguments::command(), line))
    }
}

/// Where to listen for HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpAddress {
    /// On every address of the host.
    Everywhere(u16),
    /// On one address.
    On(SocketAddr),
    /// On a socket in the file system.
    Unix(PathBuf),
}

impl FromStr for HttpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<HttpAddress, String> {
        if text.starts_with('/') {
            return Ok(HttpAddress::Unix(PathBuf::from(text)));
        }
        if let Some(port) = text.strip_prefix(':') {
            let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
            return Ok(HttpAddress::Everywhere(port));
        }
        if let Ok(port) = text.parse() {
            return Ok(HttpAddress::Everywhere(port));
        }
        let mut addresses =
            text.to_socket_addrs().map_err(|error| format!("expected ADDRESS:PORT: {error}"))?;
        addresses.next().map(HttpAddress::On).ok_or_else(|| "this name has no address".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_may_have_one_dash_or_two() {
        for line in [
            "g -http :9 -insecure -groups g -data=d -udp-range 5-6",
            "g --http :9 --insecure --groups g --data=d --udp-range 5-6",
        ] {
            let arguments = read(line).expect("a valid line");
            assert_eq!(arguments.http, HttpAddress::Everywhere(9));
            assert!(arguments.insecure);
            assert_eq!(arguments.groups, PathBuf::from("g"));
            assert_eq!(arguments.data, PathBuf::from("d"));
            assert_eq!(arguments.udp_range.iter().collect::<Vec<_>>(), [5, 6]);
        }
    }

    #[test]
    fn the_defaults_are_those_of_galene() {
        let arguments = read("g").expect("nothing is required");
        assert_eq!(arguments.http, HttpAddress::Everywhere(8443));
        assert_eq!(arguments.groups, PathBuf::from("groups"));
        assert_eq!(arguments.turn, "auto");
        assert!(arguments.r#static.is_none() && !arguments.insecure);
    }

    #[test]
    fn the_number_of_shards_is_at_least_one() {
        assert_eq!(read("g").expect("nothing is required").shards, None);
        assert_eq!(read("g -shards 3").expect("a valid line").shards, NonZeroU16::new(3));
        for line in ["g -shards 0", "g -shards -1", "g -shards all", "g -shards"] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("g -no-offload").expect("a valid line").no_offload);
    }

    #[test]
    fn all_options_of_galene_are_accepted() {
        let line = "g -http :1 -static s -data d -groups g -recordings r -insecure=false -udp-range 1 \
                    -mdns -relay-only=true -turn auto -cpuprofile c -memprofile m -mutexprofile x";
        let arguments = read(line).expect("a valid line");
        assert!(!arguments.insecure && arguments.mdns && arguments.relay_only);
        assert!(read("g -insecure=perhaps").is_err());
    }

    #[test]
    fn an_address_is_a_port_or_has_one() {
        assert_eq!("8080".parse(), Ok(HttpAddress::Everywhere(8080)));
        let on = HttpAddress::On(SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!("127.0.0.1:80".parse(), Ok(on));
        assert!(matches!("[::1]:80".parse(), Ok(HttpAddress::On(_))));
        let socket = HttpAddress::Unix("/run/galene.sock".into());
        assert_eq!("/run/galene.sock".parse(), Ok(socket));
        for text in ["", ":", ":x", ":65536", "run/galene.sock", "127.0.0.1"] {
            assert!(text.parse::<HttpAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_to_advertise_add_up() {
        let arguments = read("g -advertise 127.0.0.1 -advertise ::1").expect("a valid line");
        assert_eq!(arguments.advertise.len(), 2);
        assert!(read("g -advertise nowhere").is_err());
        assert!(read("g -unknown").is_err());
    }
}
