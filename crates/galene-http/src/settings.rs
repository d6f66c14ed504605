//! What an operator can set about the site, and the URLs that follow from it.

use std::str::FromStr;
use std::sync::Arc;

use galene_auth::Policy;
use galene_protocol::GroupName;

use crate::client_address::TrustedProxy;
use crate::path;

/// The operator's settings, as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteSettings {
    /// The administrators of the server: those of these users who have the permission for it.
    pub administrators: Arc<Policy>,
    /// The origins besides our own whose pages may administer.
    pub allow_admin_origin: Vec<String>,
    /// The origins besides our own whose pages may connect.
    pub allow_origin: Vec<String>,
    /// The host, with its port if it is not the usual one, to which requests for others are sent.
    pub canonical_host: Option<String>,
    /// What a proxy in front of the server makes of its URLs.
    pub proxy: Option<ProxyUrl>,
    /// The reverse proxies that are believed about the addresses of clients.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Whether the administrative interface may change groups, and members their passwords.
    pub writable_groups: bool,
}

/// An URL of which every part may be missing: `https:`, `/prefix`, `https://example.org/prefix`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyUrl {
    scheme: Option<String>,
    host: Option<String>,
    prefix: String,
}

impl FromStr for ProxyUrl {
    type Err = ParseProxyUrlError;

    fn from_str(text: &str) -> Result<ProxyUrl, ParseProxyUrlError> {
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme.to_owned()), rest),
            Some((before, _)) if !before.contains('/') => return Err(ParseProxyUrlError::Scheme),
            Some(_) | None => (None, text),
        };
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        if !path.is_empty() && !path.starts_with('/') {
            return Err(ParseProxyUrlError::Path);
        }
        let host = (!host.is_empty()).then(|| host.to_owned());
        Ok(ProxyUrl { scheme, host, prefix: path.trim_end_matches('/').to_owned() })
    }
}

/// Why a text is not a [`ProxyUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseProxyUrlError {
    /// The path does not begin with a slash.
    #[error("expected a path that begins with a slash")]
    Path,
    /// There is another scheme than those of the web.
    #[error("expected http: or https:")]
    Scheme,
}

/// Where clients find the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    scheme: String,
    host: String,
    prefix: String,
}

impl Base {
    /// Works out the base for a request to `host`.
    pub(crate) fn new(proxy: Option<&ProxyUrl>, secure: bool, host: &str) -> Base {
        let proxy = proxy.cloned().unwrap_or_default();
        let scheme = if secure { "https" } else { "http" };
        Base {
            scheme: proxy.scheme.unwrap_or_else(|| scheme.to_owned()),
            host: proxy.host.unwrap_or_else(|| host.to_owned()),
            prefix: proxy.prefix,
        }
    }

    /// The URL of a group's page.
    pub(crate) fn location(&self, group: &GroupName) -> String {
        let Base { scheme, host, prefix } = self;
        format!("{scheme}://{host}{}", path::encode(&format!("{prefix}/group/{group}/")))
    }

    /// The URL of the WebSocket.
    pub(crate) fn endpoint(&self) -> String {
        let Base { scheme, host, prefix } = self;
        let scheme = if scheme == "http" { "ws" } else { "wss" };
        format!("{scheme}://{host}{prefix}/ws")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(proxy: &str, secure: bool) -> String {
        let proxy: ProxyUrl = proxy.parse().expect("a valid URL");
        let Base { scheme, host, prefix } = Base::new(Some(&proxy), secure, "a.org");
        format!("{scheme}://{host}{prefix}")
    }

    #[test]
    fn each_part_of_the_proxy_s_url_overrides_that_of_the_request() {
        assert_eq!(base("", true), "https://a.org");
        assert_eq!(base("/base", false), "http://a.org/base");
        assert_eq!(base("/base/", false), "http://a.org/base");
        assert_eq!(base("https:", false), "https://a.org");
        assert_eq!(base("https:/base", false), "https://a.org/base");
        assert_eq!(base("http://b.org", true), "http://b.org");
        assert_eq!(base("https://b.org:8443/x/y", false), "https://b.org:8443/x/y");
    }

    #[test]
    fn what_is_no_url_of_the_web_is_refused() {
        assert_eq!("ftp://a".parse::<ProxyUrl>(), Err(ParseProxyUrlError::Scheme));
        assert_eq!("b.org:80".parse::<ProxyUrl>(), Err(ParseProxyUrlError::Scheme));
        assert_eq!("b.org".parse::<ProxyUrl>(), Err(ParseProxyUrlError::Path));
    }

    #[test]
    fn urls_of_groups_are_escaped() {
        let group = GroupName::parse("a b/ü").expect("a valid name");
        let base = Base::new(None, true, "a.org:8443");
        assert_eq!(base.location(&group), "https://a.org:8443/group/a%20b/%C3%BC/");
        assert_eq!(base.endpoint(), "wss://a.org:8443/ws");
        assert_eq!(Base::new(None, false, "a.org").endpoint(), "ws://a.org/ws");
    }
}
