//! Stopping by a signal.

use crate::client::Client;
use crate::process::Place;

#[tokio::test]
async fn members_are_told_and_let_go_and_the_process_ends_well() {
    let place = Place::new();
    let mut server = place.start(&[]);
    let mut member = Client::connect(&server, &place, "1").await;
    assert_eq!(member.join("meeting", "somebody", "").await["kind"], "join");
    let mut outsider = Client::connect(&server, &place, "2").await;

    server.terminate();
    let kicked = member.wait_for("usermessage").await;
    assert_eq!(
        (&kicked["kind"], &kicked["value"]),
        (&"kicked".into(), &"the server is shutting down".into())
    );
    for client in [&mut member, &mut outsider] {
        let frame = client.close_frame().await.expect("a close frame");
        assert_eq!(u16::from(frame.code), 1012);
        assert_eq!(frame.reason.as_str(), "the server is shutting down");
    }
    drop((member, outsider));
    let (code, rest) = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
}

#[test]
fn a_server_that_nobody_uses_ends_well_too() {
    let place = Place::new();
    let mut server = place.start(&[]);
    server.terminate();
    assert_eq!(server.wait().0, Some(0));
    let log = server.log.rest();
    assert!(
        !log.iter().any(|line| line.contains("ERROR") || line.contains("WARN  galene")),
        "{log:?}"
    );
}
