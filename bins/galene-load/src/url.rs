//! The URLs of groups and of the server's WebSocket.

use std::str::FromStr;

/// Where a server is, and what there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_secure: bool,
    /// Without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Begins with a slash.
    pub(crate) path: String,
}

/// Why a text is not a [`Url`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL such as http://127.0.0.1:8443/group/NAME/, not {0:?}")]
pub(crate) struct UrlError(String);

impl Url {
    /// Returns host and port as in a request's `Host`.
    pub(crate) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Returns the name of the group whose page this is.
    pub(crate) fn group(&self) -> Option<&str> {
        let name = self.path.strip_prefix("/group/")?.trim_end_matches('/');
        (!name.is_empty()).then_some(name)
    }

    /// Returns the URL of the group's status.
    pub(crate) fn status(&self) -> Option<Self> {
        let path = format!("/group/{}/.status", self.group()?);
        Some(Self { path, ..self.clone() })
    }

    /// Returns the URL with each `{n}` in its path replaced by a number.
    pub(crate) fn numbered(&self, n: usize) -> Self {
        Self { path: self.path.replace("{n}", &n.to_string()), ..self.clone() }
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let parse = || {
            let (scheme, rest) = text.split_once("://")?;
            let is_secure = match scheme {
                "http" | "ws" => false,
                "https" | "wss" => true,
                _ => return None,
            };
            let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            let default = if is_secure { 443 } else { 80 };
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
                _ => (authority, default),
            };
            let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
            let (host, path) = (host.to_owned(), path.to_owned());
            (!host.is_empty()).then_some(Self { is_secure, host, port, path })
        };
        parse().ok_or_else(|| UrlError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn a_url_has_a_host_a_port_and_a_path() {
        let https = url("https://example.org/group/a/b/");
        assert_eq!((https.is_secure, https.port, https.host.as_str()), (true, 443, "example.org"));
        assert_eq!((https.group(), https.authority()), (Some("a/b"), "example.org:443".into()));
        let v6 = url("http://[::1]:8443/group/x");
        assert_eq!((v6.host.as_str(), v6.authority()), ("::1", "[::1]:8443".into()));
        assert_eq!(v6.status().expect("a group").path, "/group/x/.status");
        assert_eq!(url("ws://[::1]").port, 80);
        for text in ["", "example.org", "ftp://x/", "http:///group/", "http://x:y/"] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn groups_are_numbered() {
        let url = url("http://h/group/room-{n}/");
        assert_eq!(url.numbered(7).group(), Some("room-7"));
    }
}
