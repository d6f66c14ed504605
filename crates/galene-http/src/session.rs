//! One WebSocket connection: messages in, messages out, and how it ends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use galene_conference::SessionId;
use galene_protocol::limits::MAX_MESSAGE_BYTES;
use galene_protocol::{ClientMessage, CloseCode, truncate_close_reason};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::control::ControlHandle;
use crate::outbox::{Close, Cut, Outbox, OutboxReader, Outgoing};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::watched::Watched;

/// How long a client may take nothing of what is sent to it.
const MAX_STALL: Duration = Duration::from_secs(10);
/// How long the peer has to answer a close frame, and how long what it still sends is read.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The buffers of a connection, one in each direction. Most messages are far smaller.
const BUFFER_BYTES: usize = 4 << 10;
/// How much is read at a time. What clients send is short, but for descriptions of some kilobytes.
const READ_BYTES: usize = 1 << 10;
/// How much is read from a peer that is no longer listened to. Closing with unread data resets the
/// connection, and the peer might never see why.
const MAX_LINGER_BYTES: u64 = 4 << 20;

type Socket<T> = WebSocketStream<Watched<T, Progress>>;

/// Why a connection ends.
enum End {
    /// The server has said all, close frame included.
    Closed,
    /// The client takes nothing, or too little.
    Cut,
    /// The client closed, or is gone.
    Peer,
    /// What the client sends cannot be read on.
    Refused(Close),
}

/// Runs a session over an upgraded connection till it ends.
pub(crate) async fn run<T>(
    io: T,
    session: SessionId,
    address: Option<SocketAddr>,
    control: ControlHandle,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (progress, written) = Progress::new();
    let io = Watched::new(io, progress);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut sink, mut stream) = socket.split();
    let (outbox, mut reader, cut) = Outbox::new();
    if !control.open(session, address, outbox).await {
        return;
    }
    let end = {
        let writing = write_messages(&mut sink, &mut reader, &written);
        let reading = read_messages(&mut stream, session, &control);
        let cut = is_cut(cut);
        tokio::select! {
            // What the server has decided counts more than what the client still has to say.
            biased;
            () = cut => End::Cut,
            end = writing => end,
            end = reading => end,
        }
    };
    // Others are told at once, not when the connection has been wound up.
    control.close(session).await;
    finish(sink, stream, end, &written).await;
}

async fn is_cut(cut: Cut) {
    if cut.await.is_err() {
        std::future::pending().await
    }
}

async fn read_messages<T>(
    stream: &mut SplitStream<Socket<T>>,
    session: SessionId,
    control: &ControlHandle,
) -> End
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let decoded = match stream.next().await {
            Some(Ok(Message::Text(text))) => ClientMessage::decode(text.as_bytes()),
            Some(Ok(Message::Binary(bytes))) => ClientMessage::decode(&bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(_))) | None => return End::Peer,
            Some(Err(error)) => return end_of(&error),
        };
        if !control.message(session, decoded).await {
            return End::Peer;
        }
    }
}

/// What to do about a connection that cannot be read from.
fn end_of(error: &Error) -> End {
    let refused = |code: CloseCode, reason: String| {
        End::Refused(Close { code: code.into(), reason: truncate_close_reason(&reason).to_owned() })
    };
    match error {
        Error::Capacity(_) => refused(CloseCode::TooBig, "message too big".to_owned()),
        Error::Protocol(error) => refused(CloseCode::Protocol, error.to_string()),
        // RFC 6455 §7.4.1: the data is not consistent with the type of the message.
        Error::Utf8(_) => {
            End::Refused(Close { code: 1007, reason: "text is not UTF-8".to_owned() })
        }
        Error::AlreadyClosed
        | Error::AttackAttempt
        | Error::ConnectionClosed
        | Error::Http(_)
        | Error::HttpFormat(_)
        | Error::Io(_)
        | Error::Tls(_)
        | Error::Url(_)
        | Error::WriteBufferFull(_) => End::Peer,
    }
}

async fn write_messages<T>(
    sink: &mut SplitSink<Socket<T>, Message>,
    reader: &mut OutboxReader,
    written: &AtomicU64,
) -> End
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut pace = Pace::new(Instant::now());
    loop {
        // Nobody is left who could send anything: the server is gone.
        let Some(mut outgoing) = reader.next().await else { return End::Peer };
        let now = Instant::now();
        let due = pace.due(now);
        if due > now {
            // What comes meanwhile wakes nobody, and leaves with this one.
            sleep_until(due).await;
        }
        loop {
            match outgoing {
                Outgoing::Text(text) => {
                    if let Err(end) = progress(sink.feed(Message::Text(text)), written).await {
                        return end;
                    }
                }
                Outgoing::Close(close) => {
                    let sent = progress(sink.send(frame(close)), written).await;
                    return sent.err().unwrap_or(End::Closed);
                }
            }
            match reader.try_next() {
                Some(next) => outgoing = next,
                None => break,
            }
        }
        if let Err(end) = progress(sink.flush(), written).await {
            return end;
        }
    }
}

fn frame(Close { code, reason }: Close) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
}

/// Waits for a write as long as the peer takes anything at all.
async fn progress(
    write: impl Future<Output = Result<(), Error>>,
    written: &AtomicU64,
) -> Result<(), End> {
    let mut write = pin!(write);
    // Most messages only go into a buffer, and need no clock.
    if let Poll::Ready(result) = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await {
        return result.map_err(|_| End::Peer);
    }
    let mut before = written.load(Ordering::Relaxed);
    loop {
        match timeout(MAX_STALL, &mut write).await {
            Ok(result) => return result.map_err(|_| End::Peer),
            Err(_) => {
                let now = written.load(Ordering::Relaxed);
                if now == before {
                    return Err(End::Cut);
                }
                before = now;
            }
        }
    }
}

/// Winds the connection up so that the peer can see how it ended.
async fn finish<T>(
    mut sink: SplitSink<Socket<T>, Message>,
    mut stream: SplitStream<Socket<T>>,
    end: End,
    written: &AtomicU64,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    match end {
        End::Cut => {}
        End::Closed | End::Peer => {
            // Reading on also answers a close frame of the peer's.
            let rest = async { while let Some(Ok(_)) = stream.next().await {} };
            // A peer that does not close in time is left to itself.
            let _done: Result<(), _> = timeout(CLOSE_TIMEOUT, rest).await;
        }
        End::Refused(close) => {
            if progress(sink.send(frame(close)), written).await.is_err() {
                return;
            }
            let Ok(socket) = sink.reunite(stream) else { return };
            let mut io = socket.into_inner();
            let rest = async {
                if io.shutdown().await.is_ok() {
                    let mut rest = io.take(MAX_LINGER_BYTES);
                    // An array would make every session larger that ever waits here or not.
                    let mut sink = vec![0; BUFFER_BYTES];
                    while let Ok(1..) = rest.read(&mut sink).await {}
                }
            };
            let _done: Result<(), _> = timeout(CLOSE_TIMEOUT, rest).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use galene_auth::NoTokens;
    use galene_conference::Input;
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::mpsc;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;

    use super::*;
    use crate::authoriser::Authoriser;
    use crate::control::Arrival;
    use crate::pace::GATHER;

    /// A session and its peer, with little room between them.
    struct Fixture {
        peer: WebSocketStream<DuplexStream>,
        outbox: Outbox,
        arrivals: mpsc::Receiver<Arrival>,
        session: tokio::task::JoinHandle<()>,
    }

    impl Fixture {
        async fn new() -> Fixture {
            let (near, far) = duplex(1024);
            let (control, mut arrivals) =
                ControlHandle::channel(Authoriser::new(Arc::new(NoTokens)));
            let address = SocketAddr::from(([127, 0, 0, 1], 9));
            let session = tokio::spawn(run(near, SessionId(1), Some(address), control));
            let peer = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
            let Some(Arrival::Opened { outbox, .. }) = arrivals.recv().await else {
                unreachable!("a session begins by opening")
            };
            Fixture { peer, outbox, arrivals, session }
        }

        /// What the control task hears next.
        async fn input(&mut self) -> Input {
            match self.arrivals.recv().await {
                Some(Arrival::Input(input)) => *input,
                other => unreachable!("an input, not {other:?}"),
            }
        }

        /// The code with which the session closes.
        async fn close_code(&mut self) -> Option<Code> {
            while let Some(Ok(message)) = self.peer.next().await {
                if let Message::Close(frame) = message {
                    return frame.map(|frame| frame.code);
                }
            }
            None
        }
    }

    #[tokio::test]
    async fn what_is_queued_before_a_close_arrives_before_it() {
        let Fixture { mut peer, mut outbox, session, arrivals: _arrivals } = Fixture::new().await;
        let long = "x".repeat(10_000);
        outbox.send(long.as_str().into(), Instant::now().into_std()).expect("there is room");
        outbox.close(Close { code: 1012, reason: "later".to_owned() });
        assert_eq!(peer.next().await.expect("open").expect("sound"), Message::text(long));
        let Some(Ok(Message::Close(Some(frame)))) = peer.next().await else {
            unreachable!("a close frame comes next")
        };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, "later"));
        assert!(peer.next().await.is_none());
        session.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_storm_messages_gather_and_leave_together() {
        let Fixture { mut peer, mut outbox, arrivals: _arrivals, session: _session } =
            Fixture::new().await;
        let mut send = |text: &str| outbox.send(text.into(), Instant::now().into_std());
        let mut instants = Vec::new();
        for _ in 0..100 {
            send("news").expect("there is room");
            send("more news").expect("there is room");
            peer.next().await.expect("open").expect("sound");
            let first = Instant::now();
            peer.next().await.expect("open").expect("sound");
            assert_eq!(first, Instant::now(), "what waited together comes together");
            instants.push(first);
        }
        assert_eq!(instants[0], instants[15], "what comes now and then does not wait");
        let pauses = instants[50..].windows(2).map(|pair| pair[1] - pair[0]);
        assert!(pauses.into_iter().all(|pause| pause >= GATHER));
    }

    #[tokio::test]
    async fn messages_are_read_as_text_and_as_bytes() {
        let mut fixture = Fixture::new().await;
        let ping = r#"{"type":"ping"}"#;
        fixture.peer.send(Message::text(ping)).await.expect("open");
        assert!(matches!(fixture.input().await, Input::Message { session: SessionId(1), .. }));
        fixture.peer.send(Message::binary(ping)).await.expect("open");
        assert!(matches!(fixture.input().await, Input::Message { .. }));
        fixture.peer.send(Message::text("{")).await.expect("open");
        assert!(matches!(fixture.input().await, Input::Malformed { .. }));
        fixture.peer.close(None).await.expect("open");
        assert!(matches!(fixture.input().await, Input::SessionClosed { .. }));
        assert_eq!(fixture.close_code().await, None);
        (&mut fixture.session).await.expect("no panic");
    }

    #[tokio::test]
    async fn a_message_that_is_too_big_ends_the_connection_with_1009() {
        let mut fixture = Fixture::new().await;
        let (mut sink, mut stream) = fixture.peer.split();
        let sending = tokio::spawn(async move {
            // The session hangs up before it has seen all of it.
            let _refused: Result<(), _> =
                sink.send(Message::text("x".repeat(MAX_MESSAGE_BYTES + 1))).await;
        });
        let Some(Ok(Message::Close(Some(frame)))) = stream.next().await else {
            unreachable!("a close frame comes")
        };
        assert_eq!(frame.code, Code::Size);
        let closed = fixture.arrivals.recv().await;
        assert!(
            matches!(closed, Some(Arrival::Input(input)) if matches!(*input, Input::SessionClosed { .. }))
        );
        drop(stream);
        sending.abort();
        (&mut fixture.session).await.expect("no panic");
    }

    #[tokio::test]
    async fn text_that_is_none_ends_the_connection_with_1007() {
        use tokio_tungstenite::tungstenite::protocol::frame::Frame;
        use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
        let mut fixture = Fixture::new().await;
        let frame = Frame::message(vec![0xff], OpCode::Data(Data::Text), true);
        fixture.peer.send(Message::Frame(frame)).await.expect("open");
        assert_eq!(fixture.close_code().await, Some(Code::Invalid));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_for_ten_seconds_is_cut_off() {
        let mut fixture = Fixture::new().await;
        let start = tokio::time::Instant::now();
        fixture
            .outbox
            .send("x".repeat(10_000).into(), Instant::now().into_std())
            .expect("there is room");
        assert!(matches!(fixture.input().await, Input::SessionClosed { .. }));
        assert!(start.elapsed() >= MAX_STALL);
        (&mut fixture.session).await.expect("no panic");
        assert_eq!(fixture.close_code().await, None, "without another word");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_little_now_and_then_is_kept() {
        let mut fixture = Fixture::new().await;
        let length = 20_000;
        fixture
            .outbox
            .send("x".repeat(length).into(), Instant::now().into_std())
            .expect("there is room");
        let mut io = fixture.peer.into_inner();
        let mut received = 0;
        let mut piece = [0; 500];
        while received < length {
            tokio::time::advance(MAX_STALL / 2).await;
            received += io.read(&mut piece).await.expect("open");
        }
        assert!(fixture.arrivals.try_recv().is_err(), "it is still there");
    }

    #[tokio::test]
    async fn a_cut_ends_a_session_that_is_stuck_in_a_write() {
        let mut fixture = Fixture::new().await;
        while fixture.outbox.send("x".repeat(10_000).into(), Instant::now().into_std()).is_ok() {}
        fixture.outbox.cut();
        assert!(matches!(
            fixture.arrivals.recv().await,
            Some(Arrival::Input(input)) if matches!(*input, Input::SessionClosed { .. })
        ));
        (&mut fixture.session).await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_answers_the_close_is_left_to_itself() {
        let Fixture { peer, outbox, session, arrivals: _arrivals } = Fixture::new().await;
        outbox.close(Close { code: 1000, reason: String::new() });
        session.await.expect("no panic");
        drop(peer);
    }
}
