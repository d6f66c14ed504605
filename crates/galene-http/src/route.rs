//! Which handler a path belongs to.

use galene_protocol::GroupName;

use crate::recording_pages::Place;
use crate::{api, path};

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The page of a group.
    Group(GroupName),
    /// What everybody may know about a group.
    GroupStatus(GroupName),
    /// The list of public groups.
    PublicGroups,
    /// Whether the server is alive.
    Health,
    /// Whether it takes new clients.
    Readiness,
    /// The administrative interface, by what follows the version.
    Api(String),
    /// Recordings, or `None` if what follows can be no group's.
    Recordings(Option<Place>),
    /// The signalling endpoint.
    WebSocket,
    /// A file, by its decoded path.
    File(String),
    /// Another path for the same thing, encoded, without the query.
    Moved { path: String, permanent: Permanence },
    /// Nothing.
    NotFound,
}

/// Which kind of redirect; both may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permanence {
    /// 301: the path was not written in its normal form.
    Cleaned,
    /// 308: the thing has another path.
    Permanent,
}

impl Route {
    /// Finds the route of a path as it stands in the request.
    pub(crate) fn of(raw: &str) -> Route {
        let Some(decoded) = path::decode(raw) else { return Route::NotFound };
        if let Some(clean) = path::clean(&decoded) {
            return Route::Moved { path: path::encode(&clean), permanent: Permanence::Cleaned };
        }
        match &*decoded {
            "/ws" => Route::WebSocket,
            "/healthz" => Route::Health,
            "/readyz" => Route::Readiness,
            "/public-groups.json" => Route::PublicGroups,
            "/galene-api" => {
                Route::Moved { path: "/galene-api/".to_owned(), permanent: Permanence::Cleaned }
            }
            // Where statistics once were in Galène.
            "/stats.json" => Route::Moved {
                path: format!("{}/.stats", api::PREFIX),
                permanent: Permanence::Permanent,
            },
            "/recordings" => {
                Route::Moved { path: "/recordings/".to_owned(), permanent: Permanence::Permanent }
            }
            "/group" => Route::Moved { path: "/group/".to_owned(), permanent: Permanence::Cleaned },
            decoded => {
                if let Some(rest) = decoded.strip_prefix("/group/") {
                    Route::below_group(rest)
                } else if let Some(rest) = decoded.strip_prefix("/galene-api/") {
                    // Other versions are nothing, without a page that says so.
                    Route::Api(rest.strip_prefix("v0").unwrap_or_default().to_owned())
                } else if let Some(rest) = decoded.strip_prefix("/recordings/") {
                    Route::below_recordings(rest)
                } else {
                    Route::File(decoded.to_owned())
                }
            }
        }
    }

    fn below_recordings(rest: &str) -> Route {
        match GroupName::parse(rest) {
            // A file is in a group's directory, so this is a group, whether or not there is one.
            Ok(group) if !rest.contains('/') => Route::Moved {
                path: path::encode(&format!("/recordings/{group}/")),
                permanent: Permanence::Permanent,
            },
            Ok(_) | Err(_) => Route::Recordings(Place::parse(rest)),
        }
    }

    /// A group's name goes up to the first segment with a leading dot; that segment says what about
    /// the group is asked for.
    fn below_group(rest: &str) -> Route {
        let (name, kind) = match rest.find("/.") {
            Some(dot) => (&rest[..dot], Some(&rest[dot + 1..])),
            None => (rest, None),
        };
        let Ok(group) = GroupName::parse(name.strip_suffix('/').unwrap_or(name)) else {
            return Route::NotFound;
        };
        let moved = |end: &str| Route::Moved {
            path: path::encode(&format!("/group/{group}/{end}")),
            permanent: Permanence::Permanent,
        };
        match kind {
            None if name.ends_with('/') => Route::Group(group),
            None => moved(""),
            Some(".status") => Route::GroupStatus(group),
            Some(".status.json") => moved(".status"),
            Some(_) => Route::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> GroupName {
        GroupName::parse(name).expect("a valid name")
    }

    fn permanent(path: &str) -> Route {
        Route::Moved { path: path.to_owned(), permanent: Permanence::Permanent }
    }

    #[test]
    fn groups_are_found_at_any_depth() {
        assert_eq!(Route::of("/group/a/"), Route::Group(group("a")));
        assert_eq!(Route::of("/group/a/b%20c/"), Route::Group(group("a/b c")));
        assert_eq!(Route::of("/group/a/b/.status"), Route::GroupStatus(group("a/b")));
    }

    #[test]
    fn other_spellings_lead_to_the_right_one() {
        assert_eq!(Route::of("/group/a%20b"), permanent("/group/a%20b/"));
        assert_eq!(Route::of("/group/a/.status.json"), permanent("/group/a/.status"));
        let cleaned =
            |path: &str| Route::Moved { path: path.to_owned(), permanent: Permanence::Cleaned };
        assert_eq!(Route::of("//group//a/"), cleaned("/group/a/"));
        assert_eq!(Route::of("/group"), cleaned("/group/"));
    }

    #[test]
    fn what_is_no_group_is_not_found() {
        for path in
            ["/group/", "/group/.status", "/group/a/.other", "/group/a%5Cb/", "/group/a/.b/c/"]
        {
            assert_eq!(Route::of(path), Route::NotFound, "{path}");
        }
        assert_eq!(Route::of("/%ff"), Route::NotFound);
    }

    #[test]
    fn everything_else_is_a_file() {
        assert_eq!(Route::of("/"), Route::File("/".to_owned()));
        assert_eq!(Route::of("/galene.html"), Route::File("/galene.html".to_owned()));
        assert_eq!(Route::of("/groups"), Route::File("/groups".to_owned()));
        assert_eq!(Route::of("/ws"), Route::WebSocket);
        assert_eq!(Route::of("/ws/"), Route::File("/ws/".to_owned()));
        assert_eq!(Route::of("/public-groups.json"), Route::PublicGroups);
    }
}
