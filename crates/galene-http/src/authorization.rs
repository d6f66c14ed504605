//! The credentials in a request's header (RFC 7617, RFC 6750).

use data_encoding::BASE64;
use galene_auth::Credentials;
use galene_protocol::Secret;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// What a client gives to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authorization {
    /// A name and a password.
    Basic { username: String, password: Secret },
    /// A token.
    Bearer(Secret),
}

impl Authorization {
    /// Reads the header. Nothing if there is none that is understood.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Authorization> {
        let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return (!rest.is_empty()).then(|| Authorization::Bearer(rest.into()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        Some(Authorization::Basic { username: username.to_owned(), password: password.into() })
    }

    /// The same as credentials for a group. Who administers needs no name: whoever has a token that leaves the
    /// choice of one to its bearer has chosen none.
    pub(crate) fn credentials(&self) -> Credentials {
        match self {
            Authorization::Basic { username, password } => Credentials {
                username: Some(username.clone()),
                password: password.clone(),
                token: None,
            },
            Authorization::Bearer(token) => Credentials {
                username: Some(String::new()),
                token: Some(token.clone()),
                ..Credentials::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(value: &'static str) -> Option<Authorization> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        Authorization::read(&headers)
    }

    #[test]
    fn both_schemes_are_understood_in_any_case() {
        let basic = |username: &str, password: &str| {
            Some(Authorization::Basic { username: username.to_owned(), password: password.into() })
        };
        assert_eq!(read("Basic YW5uOnM6ZQ=="), basic("ann", "s:e"));
        assert_eq!(read("bAsIc OnM="), basic("", "s"));
        assert_eq!(read("bearer abc"), Some(Authorization::Bearer("abc".into())));
    }

    #[test]
    fn anything_else_is_nothing() {
        for value in ["Basic", "Basic !", "Basic YW5u", "Basic gIA=", "Digest x", "Bearer ", "x"] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(Authorization::read(&HeaderMap::new()), None);
    }
}
