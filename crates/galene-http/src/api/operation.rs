//! What can be done to the resources of the administrative interface: one table, by which requests are
//! dispatched and from which they are described.

use std::collections::BTreeSet;

use http::Method;

use super::resource::Kind;

/// One thing that can be done to one kind of resource.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) verb: Verb,
    pub(crate) action: Action,
    pub(crate) access: Access,
    pub(crate) summary: &'static str,
    /// What the request has in its body.
    pub(crate) takes: Option<Content>,
    /// What the response to a success has in its body.
    pub(crate) gives: Option<Content>,
    /// The statuses of success.
    pub(crate) success: &'static [u16],
    /// Other statuses that follow from what it does.
    pub(crate) failure: &'static [u16],
    /// Whether it heeds `If-Match` and `If-None-Match`.
    pub(crate) conditional: bool,
    /// Whether it changes a group's file, which `writableGroups` must allow.
    pub(crate) writes_group: bool,
}

/// The method of an operation. `HEAD` is `GET` without the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

/// Who may do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Anybody,
    /// Administrators: of the server, or of the group that the resource belongs to.
    Administrator,
    /// They, and the user that the resource belongs to.
    AdministratorOrUser,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Describe,
    GetStats,
    ListGroups,
    GetGroup,
    PutGroup,
    DeleteGroup,
    PutKeys,
    DeleteKeys,
    ListUsers,
    GetUser,
    PutUser,
    DeleteUser,
    PutPassword,
    PostPassword,
    DeletePassword,
    ListTokens,
    CreateToken,
    GetToken,
    PutToken,
    DeleteToken,
    ListClients,
    KickClient,
    ListRecordings,
    DeleteRecording,
}

impl Action {
    /// Whether it reads or changes a file that may be broken.
    fn uses_files(self) -> bool {
        match self {
            Action::Describe
            | Action::GetStats
            | Action::ListGroups
            | Action::ListClients
            | Action::KickClient => false,
            Action::GetGroup
            | Action::PutGroup
            | Action::DeleteGroup
            | Action::PutKeys
            | Action::DeleteKeys
            | Action::ListUsers
            | Action::GetUser
            | Action::PutUser
            | Action::DeleteUser
            | Action::PutPassword
            | Action::PostPassword
            | Action::DeletePassword
            | Action::ListTokens
            | Action::CreateToken
            | Action::GetToken
            | Action::PutToken
            | Action::DeleteToken
            | Action::ListRecordings
            | Action::DeleteRecording => true,
        }
    }

    /// Whether another process or the end of the server may be in its way.
    fn may_be_kept_waiting(self) -> bool {
        match self {
            Action::Describe
            | Action::ListGroups
            | Action::GetGroup
            | Action::ListUsers
            | Action::GetUser
            | Action::ListTokens
            | Action::GetToken
            | Action::ListRecordings
            | Action::DeleteRecording => false,
            Action::GetStats
            | Action::ListClients
            | Action::KickClient
            | Action::PutGroup
            | Action::DeleteGroup
            | Action::PutKeys
            | Action::DeleteKeys
            | Action::PutUser
            | Action::DeleteUser
            | Action::PutPassword
            | Action::PostPassword
            | Action::DeletePassword
            | Action::CreateToken
            | Action::PutToken
            | Action::DeleteToken => true,
        }
    }
}

/// The media type and the schema of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content {
    pub(crate) media_type: &'static str,
    /// A name among the schemas.
    pub(crate) schema: &'static str,
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const KEY_SET: &str = "application/jwk-set+json";
pub(crate) const TEXT: &str = "text/plain";

const fn json(schema: &'static str) -> Option<Content> {
    Some(Content { media_type: JSON, schema })
}

const GET: Operation = Operation {
    kind: Kind::Stats,
    verb: Verb::Get,
    action: Action::GetStats,
    access: Access::Administrator,
    summary: "",
    takes: None,
    gives: None,
    success: &[200],
    failure: &[],
    conditional: false,
    writes_group: false,
};
const PUT: Operation =
    Operation { verb: Verb::Put, success: &[201, 204], conditional: true, ..GET };
const POST: Operation = Operation { verb: Verb::Post, success: &[201], ..GET };
const DELETE: Operation =
    Operation { verb: Verb::Delete, success: &[204], failure: &[404], conditional: true, ..GET };

const GET_USER: Operation = Operation {
    kind: Kind::User,
    action: Action::GetUser,
    summary: "Returns a user's permissions",
    gives: json("User"),
    failure: &[404],
    conditional: true,
    ..GET
};
const PUT_USER: Operation = Operation {
    kind: Kind::User,
    action: Action::PutUser,
    summary: "Sets a user's permissions, or makes the user; the password stays",
    takes: json("User"),
    failure: &[404],
    writes_group: true,
    ..PUT
};
const DELETE_USER: Operation = Operation {
    kind: Kind::User,
    action: Action::DeleteUser,
    summary: "Removes a user",
    writes_group: true,
    ..DELETE
};
const PUT_PASSWORD: Operation = Operation {
    kind: Kind::UserPassword,
    action: Action::PutPassword,
    access: Access::AdministratorOrUser,
    summary: "Sets a user's password, plain or hashed",
    takes: json("Password"),
    success: &[204],
    failure: &[404],
    conditional: false,
    writes_group: true,
    ..PUT
};
const POST_PASSWORD: Operation = Operation {
    kind: Kind::UserPassword,
    action: Action::PostPassword,
    access: Access::AdministratorOrUser,
    summary: "Sets a user's password, which the server hashes: at most 72 bytes",
    takes: Some(Content { media_type: TEXT, schema: "PlainPassword" }),
    success: &[204],
    failure: &[404],
    writes_group: true,
    ..POST
};
const DELETE_PASSWORD: Operation = Operation {
    kind: Kind::UserPassword,
    action: Action::DeletePassword,
    summary: "Removes a user's password; the user can log in by tokens alone then",
    conditional: false,
    writes_group: true,
    ..DELETE
};
const LIST_TOKENS: Operation = Operation {
    kind: Kind::Tokens,
    action: Action::ListTokens,
    summary: "Lists the names of a group's tokens",
    gives: json("Names"),
    failure: &[404],
    conditional: true,
    ..GET
};
const CREATE_TOKEN: Operation = Operation {
    kind: Kind::Tokens,
    action: Action::CreateToken,
    summary: "Makes a token; `Location` is its name, relative to this collection",
    takes: json("Token"),
    failure: &[404, 409],
    ..POST
};
const GET_TOKEN: Operation = Operation {
    kind: Kind::Token,
    action: Action::GetToken,
    summary: "Returns a token, its name and group left empty",
    gives: json("Token"),
    failure: &[404],
    conditional: true,
    ..GET
};
const PUT_TOKEN: Operation = Operation {
    kind: Kind::Token,
    action: Action::PutToken,
    summary: "Changes a token, or makes one of this name",
    takes: json("Token"),
    failure: &[404, 409],
    ..PUT
};
const DELETE_TOKEN: Operation = Operation {
    kind: Kind::Token,
    action: Action::DeleteToken,
    summary: "Removes a token",
    ..DELETE
};

/// All operations, by their resources.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        kind: Kind::OpenApi,
        action: Action::Describe,
        access: Access::Anybody,
        summary: "Returns this description",
        gives: json("Description"),
        ..GET
    },
    Operation {
        kind: Kind::Stats,
        action: Action::GetStats,
        summary: "Returns who is connected, and how well",
        gives: json("Stats"),
        ..GET
    },
    Operation {
        kind: Kind::Groups,
        action: Action::ListGroups,
        summary: "Lists the names of all groups that have a file",
        gives: json("Names"),
        ..GET
    },
    Operation {
        kind: Kind::Group,
        action: Action::GetGroup,
        summary: "Returns a group's definition, without its users and keys",
        gives: json("Group"),
        failure: &[404],
        conditional: true,
        ..GET
    },
    Operation {
        kind: Kind::Group,
        action: Action::PutGroup,
        summary: "Replaces a group's definition, or makes the group; users and keys stay",
        takes: json("Group"),
        writes_group: true,
        ..PUT
    },
    Operation {
        kind: Kind::Group,
        action: Action::DeleteGroup,
        summary: "Removes a group; those who are in it stay",
        writes_group: true,
        ..DELETE
    },
    Operation {
        kind: Kind::Keys,
        action: Action::PutKeys,
        summary: "Sets the keys that sign tokens for the group (RFC 7517)",
        takes: Some(Content { media_type: KEY_SET, schema: "KeySet" }),
        success: &[204],
        failure: &[404],
        conditional: false,
        writes_group: true,
        ..PUT
    },
    Operation {
        kind: Kind::Keys,
        action: Action::DeleteKeys,
        summary: "Removes the keys that sign tokens for the group",
        conditional: false,
        writes_group: true,
        ..DELETE
    },
    Operation {
        kind: Kind::Users,
        action: Action::ListUsers,
        summary: "Lists the names of a group's users",
        gives: json("Names"),
        failure: &[404],
        conditional: true,
        ..GET
    },
    GET_USER,
    PUT_USER,
    DELETE_USER,
    Operation { kind: Kind::EmptyUser, ..GET_USER },
    Operation { kind: Kind::EmptyUser, ..PUT_USER },
    Operation { kind: Kind::EmptyUser, ..DELETE_USER },
    Operation { kind: Kind::WildcardUser, ..GET_USER },
    Operation { kind: Kind::WildcardUser, ..PUT_USER },
    Operation { kind: Kind::WildcardUser, ..DELETE_USER },
    PUT_PASSWORD,
    POST_PASSWORD,
    DELETE_PASSWORD,
    Operation { kind: Kind::EmptyUserPassword, access: Access::Administrator, ..PUT_PASSWORD },
    Operation { kind: Kind::EmptyUserPassword, access: Access::Administrator, ..POST_PASSWORD },
    Operation { kind: Kind::EmptyUserPassword, ..DELETE_PASSWORD },
    Operation { kind: Kind::WildcardUserPassword, access: Access::Administrator, ..PUT_PASSWORD },
    Operation { kind: Kind::WildcardUserPassword, access: Access::Administrator, ..POST_PASSWORD },
    Operation { kind: Kind::WildcardUserPassword, ..DELETE_PASSWORD },
    Operation {
        kind: Kind::GlobalTokens,
        summary: "Lists the names of the tokens that belong to no group",
        failure: &[],
        ..LIST_TOKENS
    },
    Operation { kind: Kind::GlobalTokens, failure: &[409], ..CREATE_TOKEN },
    Operation { kind: Kind::GlobalToken, ..GET_TOKEN },
    Operation { kind: Kind::GlobalToken, failure: &[409], ..PUT_TOKEN },
    Operation { kind: Kind::GlobalToken, ..DELETE_TOKEN },
    LIST_TOKENS,
    CREATE_TOKEN,
    GET_TOKEN,
    PUT_TOKEN,
    DELETE_TOKEN,
    Operation {
        kind: Kind::Clients,
        action: Action::ListClients,
        summary: "Lists who is in the group now",
        gives: json("Clients"),
        failure: &[404],
        ..GET
    },
    Operation {
        kind: Kind::Client,
        action: Action::KickClient,
        summary: "Disconnects a member, who is told the query's `message` if there is one",
        conditional: false,
        ..DELETE
    },
    Operation {
        kind: Kind::Recordings,
        action: Action::ListRecordings,
        summary: "Lists a group's recordings by their names",
        gives: json("Recordings"),
        failure: &[404],
        ..GET
    },
    Operation {
        kind: Kind::Recording,
        action: Action::DeleteRecording,
        summary: "Deletes a recording; conditions compare the tag that the list gives",
        ..DELETE
    },
];

impl Operation {
    /// Returns what can be done to a kind of resource.
    pub(crate) fn of(kind: Kind) -> impl Iterator<Item = &'static Operation> {
        OPERATIONS.iter().filter(move |operation| operation.kind == kind)
    }

    /// Returns the statuses that it may be answered with.
    pub(crate) fn statuses(&self) -> BTreeSet<u16> {
        let mut statuses: BTreeSet<u16> =
            self.success.iter().chain(self.failure).copied().collect();
        if self.access != Access::Anybody {
            // Wrong credentials, and too many of them.
            statuses.extend([401, 429]);
        }
        if self.action.uses_files() {
            statuses.insert(500);
        }
        if self.action.may_be_kept_waiting() {
            statuses.insert(503);
        }
        if self.takes.is_some() {
            statuses.extend([400, 408, 413, 415]);
        }
        if self.conditional {
            statuses.insert(412);
            if self.verb == Verb::Get {
                statuses.insert(304);
            }
        }
        if self.writes_group {
            statuses.insert(403);
        }
        statuses
    }
}

impl Verb {
    /// Returns the verb of a method, if there is an operation with it.
    pub(crate) fn of(method: &Method) -> Option<Verb> {
        Some(match *method {
            Method::GET | Method::HEAD => Verb::Get,
            Method::PUT => Verb::Put,
            Method::POST => Verb::Post,
            Method::DELETE => Verb::Delete,
            _ => return None,
        })
    }

    /// Returns its methods, as `Allow` lists them.
    pub(crate) fn methods(self) -> &'static str {
        match self {
            Verb::Get => "HEAD, GET",
            Verb::Put => "PUT",
            Verb::Post => "POST",
            Verb::Delete => "DELETE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_there_twice() {
        let mut seen = BTreeSet::new();
        for operation in OPERATIONS {
            assert!(seen.insert((operation.kind, operation.verb)), "{operation:?}");
        }
    }
}
