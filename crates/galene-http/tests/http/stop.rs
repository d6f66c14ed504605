//! A stop in good order.

use tokio::net::TcpStream;

use crate::support::Server;

#[tokio::test]
async fn surprise_98_everybody_is_told_and_let_go() {
    let server = Server::start();
    let mut member = server.member("alice").await;
    let mut outsider = server.client("bob").await;
    let idle = TcpStream::connect(server.address).await.unwrap();

    server.http.stop_accepting();
    server.control.shut_down("back in a minute").await;
    server.control.end().await;
    let clients = tokio::spawn(async move {
        let kicked = member.wait_for("usermessage").await;
        assert_eq!(
            (kicked["kind"].as_str(), kicked["value"].as_str()),
            (Some("kicked"), Some("back in a minute"))
        );
        for client in [&mut member, &mut outsider] {
            let frame = client.close_frame().await.expect("a close frame");
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, "back in a minute"));
        }
    });
    let drained = server.http.drain();
    clients.await.unwrap();
    assert!(drained.await, "all connections end in time");
    drop(idle);
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}
