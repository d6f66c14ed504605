//! The whole server in a program of your own, with rules of your own.
//!
//! Groups come from this program and not from files, and who may do what is decided here: in the
//! assembly, whoever wants to publish has to raise a hand first, and operators do not throw each other
//! out. Everything else is as in any group. Galène's clients and ours work with it as they are.
//!
//! ```text
//! cargo run --example own_rules
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use galene_conference::{Conference, Config, ShardId};
use galene_group::{
    Action, ActionRequest, Authorizer, Description, GaleneRules, GroupLookup, LookupError,
};
use galene_http::{
    Control, GroupStore, HttpConfig, HttpServer, MediaLink, NoTokens, SiteSettings, listen,
};
use galene_net::{MediaConfig, MediaPlane, PortRange};
use galene_protocol::{GroupName, Permission};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = start()?;
    println!("the assembly meets at http://{}/group/assembly/", server.address);
    println!("(the chair is called chair, with the password gavel; stop with Ctrl-C)");
    tokio::signal::ctrl_c().await?;
    server.control.shut_down("the assembly is over").await;
    Ok(())
}

/// What happens in the assembly.
#[derive(Debug)]
struct Assembly;

impl Authorizer for Assembly {
    fn allows(&self, request: &ActionRequest<'_>) -> bool {
        let is_operator =
            |who: &galene_protocol::UserState| who.permissions.contains(&Permission::Op);
        let own_rule = match request.action {
            Action::Publish => {
                is_operator(request.member)
                    || request.member.data.get("raisehand") == Some(&Value::Bool(true))
            }
            Action::Kick => !request.target.is_some_and(is_operator),
            Action::AdministerTokens
            | Action::Caption
            | Action::ChangePermissions
            | Action::Chat
            | Action::ClearChat
            | Action::Identify
            | Action::ListSubgroups
            | Action::Lock
            | Action::MakeToken
            | Action::Record
            | Action::SetGroupData
            | Action::SetUserData
            | Action::UserMessage => true,
        };
        own_rule && GaleneRules.allows(request)
    }
}

/// The groups that there are: one.
#[derive(Debug)]
struct Groups(Arc<Description>);

impl Groups {
    fn new() -> Result<Groups, Box<dyn Error>> {
        let definition = json!({
            "displayName": "Assembly",
            "public": true,
            "users": { "chair": { "password": "gavel", "permissions": "op" } },
            "wildcard-user": { "password": { "type": "wildcard" }, "permissions": "present" },
        });
        Ok(Groups(Arc::new(Description::parse(&definition.to_string())?)))
    }
}

impl GroupStore for Groups {
    fn lookup(&self, group: &GroupName) -> Result<GroupLookup, LookupError> {
        if group.as_str() != "assembly" {
            return Err(LookupError::NotFound);
        }
        let description = Arc::clone(&self.0);
        Ok(GroupLookup { name: group.clone(), description, problem: None })
    }

    fn public_groups(&self) -> Vec<GroupLookup> {
        GroupName::parse("assembly")
            .ok()
            .and_then(|name| self.lookup(&name).ok())
            .into_iter()
            .collect()
    }
}

/// What runs until it is dropped.
struct Server {
    address: SocketAddr,
    control: Control,
    _http: HttpServer,
    _media: MediaPlane,
}

/// Starts everything on free ports of this computer.
fn start() -> Result<Server, Box<dyn Error>> {
    let (report, events) = mpsc::unbounded_channel();
    let config = MediaConfig {
        ports: PortRange::single(0),
        advertise: vec![Ipv4Addr::LOCALHOST.into()],
        ..MediaConfig::default()
    };
    let sink = move |shard, event| {
        // When the control plane is gone, nobody wants to know.
        let _gone: Result<(), _> = report.send((ShardId(shard), event));
    };
    let media = MediaPlane::start(&config, Arc::new(sink))?;
    let commands = media.commands();
    let config = Config { shards: u16::try_from(commands.len())?, ..Config::default() };
    let conference = Conference::new(config, fastrand::u64(..)).with_authorizer(Arc::new(Assembly));
    let groups = Arc::new(Groups::new()?);
    let link = MediaLink { commands, events };
    let control = Control::start(conference, groups.clone(), Arc::new(NoTokens), link);
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let settings = watch::channel(Arc::new(SiteSettings::default())).1;
    let http = HttpConfig::new(groups, settings);
    let http = HttpServer::start(listener, http, control.handle().clone())?;
    let address = http.address().ok_or("it listens on no port")?;
    Ok(Server { address, control, _http: http, _media: media })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use tungstenite::{Message, WebSocket};

    use super::*;

    struct Client(WebSocket<TcpStream>);

    impl Client {
        fn join(server: &Server, name: &str, password: &str) -> Client {
            let stream = TcpStream::connect(server.address).expect("it listens");
            let url = format!("ws://{}/ws", server.address);
            let (socket, _) = tungstenite::client(url, stream).expect("it speaks WebSocket");
            let mut client = Client(socket);
            client.send(json!({ "type": "handshake", "version": ["2"], "id": name }));
            client.send(json!({ "type": "join", "kind": "join", "group": "assembly",
                "username": name, "password": password }));
            assert_eq!(client.wait_for("joined")["kind"], "join");
            client
        }

        fn send(&mut self, message: Value) {
            self.0.send(Message::text(message.to_string())).expect("an open connection");
        }

        fn wait_for(&mut self, kind: &str) -> Value {
            loop {
                let message = self.0.read().expect("an open connection");
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).expect("JSON");
                if message["type"] == kind {
                    return message;
                }
            }
        }
    }

    #[test]
    fn who_wants_to_publish_raises_a_hand_first() {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let server = runtime.block_on(async { start() }).expect("free ports");
        let mut chair = Client::join(&server, "chair", "gavel");
        let mut ann = Client::join(&server, "ann", "");
        // What is refused by the rules is aborted before anybody looks at the description.
        let offer = json!({ "type": "offer", "id": "s", "label": "camera", "sdp": "nonsense" });
        ann.send(offer.clone());
        ann.wait_for("abort");
        assert_eq!(ann.wait_for("usermessage")["value"], "not authorised");
        let raise = json!({ "type": "useraction", "kind": "setdata", "dest": "ann",
            "value": { "raisehand": true } });
        ann.send(raise);
        ann.send(offer);
        ann.wait_for("abort");
        let error = ann.wait_for("usermessage");
        assert!(error["value"].as_str().is_some_and(|e| e.contains("SDP")), "{error}");

        chair.send(json!({ "type": "useraction", "kind": "kick", "dest": "chair" }));
        assert_eq!(chair.wait_for("usermessage")["value"], "not authorised");
        chair.send(json!({ "type": "useraction", "kind": "kick", "dest": "ann" }));
        assert_eq!(ann.wait_for("usermessage")["kind"], "kicked");
    }
}
