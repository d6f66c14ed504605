//! One client's WebSocket.

use std::net::IpAddr;

use futures_util::{SinkExt, StreamExt};
use galene_protocol::{ClientBody, ClientMessage, DecodeError, ServerMessage};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::connection::{ConnectError, Connector, Stream};
use crate::url::Url;

/// The buffers of a connection. The default would take 128 kB of each client, a hundred times what a
/// message needs.
const BUFFER: usize = 4 << 10;

/// The connection of one client, after its handshake of WebSocket.
pub(crate) struct Signalling {
    socket: WebSocketStream<Box<dyn Stream>>,
    local: IpAddr,
}

/// What was heard from the server.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Box<ServerMessage>),
    /// A member came, changed or went. Not looked into: of a thousand joins there come half a million.
    User,
    /// The server has ended the connection, and perhaps said why.
    End(String),
}

/// Why signalling broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignallingError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("a message cannot be understood: {0}")]
    Decode(#[from] DecodeError),
    #[error("the WebSocket broke: {0}")]
    WebSocket(#[from] tungstenite::Error),
}

impl Signalling {
    /// Connects to a WebSocket.
    pub(crate) async fn connect(connector: &Connector, url: &Url) -> Result<Self, SignallingError> {
        let (stream, local) = connector.connect(url).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(1 << 20);
        // The stream is encrypted already if it has to be.
        let address = format!("ws://{}{}", url.authority(), url.path);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(address, stream, Some(config)).await?;
        Ok(Self { socket, local })
    }

    /// Returns the address of this host that the server was reached from.
    pub(crate) fn local(&self) -> IpAddr {
        self.local
    }

    /// Says something.
    pub(crate) async fn say(&mut self, body: ClientBody) -> Result<(), SignallingError> {
        let text = ClientMessage::from(body).encode();
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Waits for the next message. Nothing is lost if the wait is given up.
    pub(crate) async fn hear(&mut self) -> Result<Heard, SignallingError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) if is_user(&text) => return Ok(Heard::User),
                Some(Ok(Message::Text(text))) => {
                    let message = ServerMessage::decode(text.as_bytes())?;
                    return Ok(Heard::Message(Box::new(message)));
                }
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map(|frame| format!("{} {}", frame.code, frame.reason));
                    return Ok(Heard::End(why.unwrap_or_default()));
                }
                Some(Ok(
                    Message::Binary(_) | Message::Frame(_) | Message::Ping(_) | Message::Pong(_),
                )) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(Heard::End("without a close frame".to_owned())),
            }
        }
    }

    /// Ends the connection.
    pub(crate) async fn close(mut self) {
        // A connection that is broken already is closed enough.
        let _broken = self.socket.close(None).await;
    }
}

impl std::fmt::Debug for Signalling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signalling").field("local", &self.local).finish_non_exhaustive()
    }
}

/// Returns whether a message is about a member, without parsing it. Servers that do not say the type
/// first are understood too, only more slowly.
fn is_user(text: &str) -> bool {
    text.starts_with(r#"{"type":"user","#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use galene_protocol::{ClientId, Permissions, UserState, UserUpdate, Username};

    #[test]
    fn messages_about_members_are_told_by_their_beginning() {
        let update = UserUpdate::Add(UserState {
            id: ClientId::try_from("x").expect("an id"),
            username: Username::default(),
            permissions: Permissions::default(),
            data: galene_protocol::Data::default(),
        });
        assert!(is_user(&ServerMessage::User(update).encode()));
        assert!(!is_user(r#"{"type":"usermessage","kind":"error"}"#));
        assert!(!is_user(&ServerMessage::Ping.encode()));
    }
}
