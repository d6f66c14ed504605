//! What goes on in the conference now.

use galene_conference::{Input, MemberOverview, StreamOverview};
use galene_protocol::{ClientId, GroupName, Permissions};
use http::{Response, StatusCode};
use serde::Serialize;

use super::failure::Failure;
use super::{Context, json};
use crate::form;
use crate::response::{self, Body};

/// Somebody in a group, as administrators see them.
#[derive(Debug, Serialize)]
struct Client {
    id: String,
    username: String,
    permissions: Permissions,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    up: Vec<String>,
    down: Vec<String>,
}

pub(crate) async fn clients(
    context: &Context<'_>,
    group: GroupName,
) -> Result<Response<Body>, Failure> {
    super::groups::exists(context, &group).await?;
    let groups = context.service.control.overview().await.ok_or(Failure::Busy)?;
    let members = groups.into_iter().find(|overview| overview.name == group);
    let clients: Vec<Client> =
        members.into_iter().flat_map(|overview| overview.members).map(Client::from).collect();
    serialise(&clients)
}

pub(crate) async fn kick(
    context: &Context<'_>,
    group: GroupName,
    client: ClientId,
    query: &str,
) -> Result<Response<Body>, Failure> {
    let control = &context.service.control;
    let groups = control.overview().await.ok_or(Failure::Busy)?;
    let members = groups.into_iter().find(|overview| overview.name == group);
    if !members.is_some_and(|group| group.members.iter().any(|member| member.client == client)) {
        return Err(Failure::NotFound);
    }
    let message = form::field(query, "message");
    control.tell(Input::Kick { group, client, message }).await;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

pub(crate) fn serialise(value: &impl Serialize) -> Result<Response<Body>, Failure> {
    let body = serde_json::to_string(value).map_err(|_| Failure::Internal)?;
    Ok(json(body, None))
}

impl From<MemberOverview> for Client {
    fn from(member: MemberOverview) -> Client {
        let ids = |streams: Vec<StreamOverview>| {
            streams.iter().map(|stream| stream.id.to_string()).collect()
        };
        Client {
            id: member.client.to_string(),
            username: member.username.to_string(),
            permissions: member.permissions,
            address: member.address.map(|address| address.ip().to_string()),
            up: ids(member.ups),
            down: ids(member.downs),
        }
    }
}
