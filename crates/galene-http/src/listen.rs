//! Where connections come from: TCP, or a socket in the file system.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket that connections can be made to.
#[derive(Debug)]
pub enum Listener {
    /// Of the network.
    Tcp(std::net::TcpListener),
    /// Of this host, in the file system.
    Unix(UnixSocket),
}

/// A socket in the file system, which is gone when this is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    listener: std::os::unix::net::UnixListener,
    place: Place,
}

/// A name in the file system that belongs to a socket.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // If it is gone already, all the better.
        let _gone: io::Result<()> = std::fs::remove_file(&self.0);
    }
}

impl From<std::net::TcpListener> for Listener {
    fn from(listener: std::net::TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

/// Binds to an address; to both families if it is the unspecified address of IPv6 and there is IPv4.
///
/// # Errors
///
/// What the kernel says, `AddrInUse` for instance.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    // Connections of an earlier process that are still winding down do not keep the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds to a port on every address of the host.
///
/// # Errors
///
/// What the kernel says, `AddrInUse` for instance.
pub fn listen_everywhere(port: u16) -> io::Result<std::net::TcpListener> {
    match listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        // A host without IPv6.
        Err(_) => listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
    }
}

/// Makes a socket in the file system. One that an earlier process left behind, which nobody listens on,
/// is taken away; a file of another kind is not.
///
/// # Errors
///
/// `AddrInUse` if there is a process that listens, or a file of another kind; otherwise what the kernel
/// says.
pub fn listen_unix(path: &Path) -> io::Result<Listener> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            let answer = UnixStream::connect(path).map_err(|error| error.kind());
            if !is_socket || !matches!(answer, Err(io::ErrorKind::ConnectionRefused)) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    listener.set_nonblocking(true)?;
    Ok(Listener::Unix(UnixSocket { listener, place: Place(path.to_owned()) }))
}

/// A listener in use.
#[derive(Debug)]
pub(crate) enum Accepting {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _place: Place },
}

/// A new connection.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Accepting {
    pub(crate) fn new(listener: Listener) -> io::Result<Accepting> {
        Ok(match listener {
            Listener::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener)?),
            Listener::Unix(UnixSocket { listener, place }) => {
                let listener = UnixListener::from_std(listener)?;
                Accepting::Unix { listener, _place: place }
            }
        })
    }

    /// Where it listens, if that is an address of the network.
    pub(crate) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Accepting::Tcp(listener) => listener.local_addr().map(Some),
            Accepting::Unix { .. } => Ok(None),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Accepting::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, address))
            }
            Accepting::Unix { listener, .. } => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("writable"));
        assert!(path.exists(), "nobody listens on it any more");
        let listener = listen_unix(&path).expect("it is taken away");
        let error = listen_unix(&path).expect_err("it is in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists(), "it goes with its listener");

        std::fs::write(&path, "precious").expect("writable");
        assert!(listen_unix(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), "precious");
    }
}
