//! A socket in the file system instead of a port.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::process::Place;

#[test]
fn a_proxy_connects_to_a_socket_in_the_file_system() {
    let place = Place::new();
    let path = place.path("http.sock");
    let mut server = place.start(&["-insecure", "-http", path.to_str().unwrap()]);
    assert!(server.banner.iter().any(|line| line.contains("http.sock")), "{:?}", server.banner);
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = b"GET /group/meeting/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");

    let second = place.run(&["-insecure", "-http", path.to_str().unwrap(), "-udp-range", "0"]);
    assert_eq!(second.status.code(), Some(1));
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert!(stderr.contains("already in use"), "{stderr}");

    server.terminate();
    assert_eq!(server.wait().0, Some(0));
    assert!(!path.exists(), "it takes its socket away");
}
