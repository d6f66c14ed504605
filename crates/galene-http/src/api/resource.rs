//! What a path of the administrative interface stands for.

use galene_protocol::{ClientId, GroupName};
use galene_store::UserKey;

use crate::recordings::FileName;

/// A kind of resource, which has a path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    OpenApi,
    Stats,
    Groups,
    Group,
    Keys,
    Users,
    User,
    EmptyUser,
    WildcardUser,
    UserPassword,
    EmptyUserPassword,
    WildcardUserPassword,
    GlobalTokens,
    GlobalToken,
    Tokens,
    Token,
    Clients,
    Client,
    Recordings,
    Recording,
}

/// One resource. Parts that do not belong to its kind are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    OpenApi,
    Stats,
    Groups,
    Group(GroupName),
    Keys(GroupName),
    Users(GroupName),
    User(GroupName, UserKey),
    Password(GroupName, UserKey),
    /// Of the whole server if there is no group.
    Tokens(Option<GroupName>),
    Token(Option<GroupName>, String),
    Clients(GroupName),
    Client(GroupName, ClientId),
    Recordings(GroupName),
    Recording(GroupName, FileName),
    /// Nothing that exists, below a group.
    Unknown(GroupName),
}

impl Kind {
    /// Returns the path, with names of its parts in braces.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Kind::OpenApi => "/openapi.json",
            Kind::Stats => "/.stats",
            Kind::Groups => "/.groups/",
            Kind::Group => "/.groups/{group}",
            Kind::Keys => "/.groups/{group}/.keys",
            Kind::Users => "/.groups/{group}/.users/",
            Kind::User => "/.groups/{group}/.users/{user}",
            Kind::EmptyUser => "/.groups/{group}/.empty-user",
            Kind::WildcardUser => "/.groups/{group}/.wildcard-user",
            Kind::UserPassword => "/.groups/{group}/.users/{user}/.password",
            Kind::EmptyUserPassword => "/.groups/{group}/.empty-user/.password",
            Kind::WildcardUserPassword => "/.groups/{group}/.wildcard-user/.password",
            Kind::GlobalTokens => "/.groups/.tokens/",
            Kind::GlobalToken => "/.groups/.tokens/{token}",
            Kind::Tokens => "/.groups/{group}/.tokens/",
            Kind::Token => "/.groups/{group}/.tokens/{token}",
            Kind::Clients => "/.groups/{group}/.clients/",
            Kind::Client => "/.groups/{group}/.clients/{client}",
            Kind::Recordings => "/.groups/{group}/.recordings/",
            Kind::Recording => "/.groups/{group}/.recordings/{file}",
        }
    }
}

impl Resource {
    /// Finds what the rest of a decoded path after the version stands for. `None` if it can be nothing.
    pub(crate) fn parse(rest: &str) -> Option<Resource> {
        match rest {
            "/openapi.json" => return Some(Resource::OpenApi),
            "/.stats" => return Some(Resource::Stats),
            "/.groups" | "/.groups/" => return Some(Resource::Groups),
            _ => {}
        }
        let rest = rest.strip_prefix("/.groups/")?;
        if let Some(token) = rest.strip_prefix(".tokens/") {
            return tokens(None, token);
        }
        let (name, kind) = match rest.find("/.") {
            Some(dot) => (&rest[..dot], &rest[dot + 1..]),
            None => (rest, ""),
        };
        let group = GroupName::parse(name.strip_suffix('/').unwrap_or(name)).ok()?;
        Resource::of_group(group, kind)
    }

    fn of_group(group: GroupName, rest: &str) -> Option<Resource> {
        match rest {
            "" => return Some(Resource::Group(group)),
            ".keys" => return Some(Resource::Keys(group)),
            // Without its slash it is nothing, as in Galène.
            ".users" | ".tokens" | ".clients" | ".recordings" => return None,
            ".users/" => return Some(Resource::Users(group)),
            ".clients/" => return Some(Resource::Clients(group)),
            ".recordings/" => return Some(Resource::Recordings(group)),
            _ => {}
        }
        if let Some(token) = rest.strip_prefix(".tokens/") {
            return tokens(Some(group), token);
        }
        if let Some(client) = rest.strip_prefix(".clients/") {
            return Some(Resource::Client(group, ClientId::try_from(client).ok()?));
        }
        if let Some(file) = rest.strip_prefix(".recordings/") {
            return FileName::parse(file).map(|file| Resource::Recording(group, file));
        }
        let (user, is_password) = match rest.strip_suffix("/.password") {
            Some(user) => (user, true),
            None => (rest, false),
        };
        let user = match user.strip_prefix(".users/") {
            Some(name) if name.split('/').any(|segment| segment.starts_with('.')) => None,
            Some("") | None => match user {
                ".empty-user" => Some(UserKey::Named(String::new())),
                ".wildcard-user" => Some(UserKey::Wildcard),
                _ => None,
            },
            Some(name) => Some(UserKey::Named(name.to_owned())),
        };
        Some(match (user, is_password) {
            (Some(user), false) => Resource::User(group, user),
            (Some(user), true) => Resource::Password(group, user),
            (None, _) => Resource::Unknown(group),
        })
    }

    /// Returns the group that it belongs to, if it belongs to one.
    pub(crate) fn group(&self) -> Option<&GroupName> {
        match self {
            Resource::OpenApi | Resource::Stats | Resource::Groups => None,
            Resource::Tokens(group) | Resource::Token(group, _) => group.as_ref(),
            Resource::Group(group)
            | Resource::Keys(group)
            | Resource::Users(group)
            | Resource::User(group, _)
            | Resource::Password(group, _)
            | Resource::Clients(group)
            | Resource::Client(group, _)
            | Resource::Recordings(group)
            | Resource::Recording(group, _)
            | Resource::Unknown(group) => Some(group),
        }
    }

    /// Returns what kind of resource it is. Nothing if it is none.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let named = |user: &UserKey, named, empty, wildcard| match user {
            UserKey::Wildcard => wildcard,
            UserKey::Named(name) if name.is_empty() => empty,
            UserKey::Named(_) => named,
        };
        Some(match self {
            Resource::OpenApi => Kind::OpenApi,
            Resource::Stats => Kind::Stats,
            Resource::Groups => Kind::Groups,
            Resource::Group(_) => Kind::Group,
            Resource::Keys(_) => Kind::Keys,
            Resource::Users(_) => Kind::Users,
            Resource::User(_, user) => named(user, Kind::User, Kind::EmptyUser, Kind::WildcardUser),
            Resource::Password(_, user) => {
                named(user, Kind::UserPassword, Kind::EmptyUserPassword, Kind::WildcardUserPassword)
            }
            Resource::Tokens(None) => Kind::GlobalTokens,
            Resource::Tokens(Some(_)) => Kind::Tokens,
            Resource::Token(None, _) => Kind::GlobalToken,
            Resource::Token(Some(_), _) => Kind::Token,
            Resource::Clients(_) => Kind::Clients,
            Resource::Client(..) => Kind::Client,
            Resource::Recordings(_) => Kind::Recordings,
            Resource::Recording(..) => Kind::Recording,
            Resource::Unknown(_) => return None,
        })
    }
}

fn tokens(group: Option<GroupName>, token: &str) -> Option<Resource> {
    if token.is_empty() {
        return Some(Resource::Tokens(group));
    }
    (!token.contains('/')).then(|| Resource::Token(group, token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> GroupName {
        GroupName::parse(name).expect("a valid name")
    }

    #[test]
    fn every_path_stands_for_one_thing() {
        let user = |name: &str| UserKey::Named(name.to_owned());
        for (path, resource) in [
            ("/.stats", Resource::Stats),
            ("/.groups", Resource::Groups),
            ("/.groups/", Resource::Groups),
            ("/.groups/a/b", Resource::Group(group("a/b"))),
            ("/.groups/a/b/", Resource::Group(group("a/b"))),
            ("/.groups/a/.keys", Resource::Keys(group("a"))),
            ("/.groups/a/.users/", Resource::Users(group("a"))),
            ("/.groups/a/.users/ann/x", Resource::User(group("a"), user("ann/x"))),
            ("/.groups/a/.empty-user", Resource::User(group("a"), user(""))),
            ("/.groups/a/.wildcard-user", Resource::User(group("a"), UserKey::Wildcard)),
            ("/.groups/a/.users/ann/.password", Resource::Password(group("a"), user("ann"))),
            ("/.groups/a/.empty-user/.password", Resource::Password(group("a"), user(""))),
            ("/.groups/.tokens/", Resource::Tokens(None)),
            ("/.groups/.tokens/t", Resource::Token(None, "t".to_owned())),
            ("/.groups/a/.tokens/", Resource::Tokens(Some(group("a")))),
            ("/.groups/a/.tokens/t", Resource::Token(Some(group("a")), "t".to_owned())),
            ("/.groups/a/b/.recordings/", Resource::Recordings(group("a/b"))),
            (
                "/.groups/a/.recordings/1 2.webm",
                Resource::Recording(group("a"), FileName::parse("1 2.webm").expect("a valid name")),
            ),
            ("/.groups/a/.other", Resource::Unknown(group("a"))),
            ("/.groups/a/.users/.b", Resource::Unknown(group("a"))),
            ("/.groups/a/.users/b/.c", Resource::Unknown(group("a"))),
            ("/.groups/a/.users/b/.password/.password", Resource::Unknown(group("a"))),
        ] {
            assert_eq!(Resource::parse(path), Some(resource), "{path}");
        }
    }

    #[test]
    fn other_paths_stand_for_nothing() {
        for path in [
            "",
            "/",
            "/.group/a",
            "/.groups/.a",
            "/.groups/a/.users",
            "/.groups/a/.tokens",
            "/.groups/.tokens",
            "/.groups/a\\b",
            "/.groups/a/.tokens/x/y",
            "/.groups/a/.recordings",
            "/.groups/a/.recordings/.x",
            "/.groups/a/.recordings/x/y",
            "/.stats/",
        ] {
            assert_eq!(Resource::parse(path), None, "{path}");
        }
    }
}
