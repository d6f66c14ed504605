//! What the web and the groups are told of the site's configuration.

use std::sync::Arc;

use galene_auth::Policy;
use galene_conference::Site;
use galene_http::{ParseProxyUrlError, ParseTrustedProxyError, SiteSettings};
use galene_store::Config;

/// Picks out of the configuration what concerns the web.
pub(crate) fn settings(config: &Config) -> Result<SiteSettings, SiteError> {
    let proxy = config.proxy_url.as_ref().map(|url| url.parse());
    let trusted_proxies: Result<_, _> =
        config.trusted_proxies.iter().map(|proxy| proxy.parse()).collect();
    let administrators = Policy {
        users: config.users.clone(),
        roles: Arc::new(config.roles.clone()),
        ..Policy::default()
    };
    Ok(SiteSettings {
        administrators: Arc::new(administrators),
        allow_admin_origin: config.allow_admin_origin.clone(),
        allow_origin: config.allow_origin.clone(),
        canonical_host: config.canonical_host.clone(),
        proxy: proxy.transpose().map_err(SiteError::ProxyUrl)?,
        trusted_proxies: trusted_proxies.map_err(SiteError::TrustedProxies)?,
        writable_groups: config.writable_groups,
    })
}

/// Picks out of the configuration what concerns groups.
pub(crate) fn of_groups(config: &Config) -> Site {
    Site {
        can_change_password: config.writable_groups,
        canonical_host: config.canonical_host.as_deref().map(Arc::from),
    }
}

/// A text of the configuration is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    /// `proxyURL` is no URL.
    #[error("config.json: key `proxyURL`")]
    ProxyUrl(#[source] ParseProxyUrlError),
    /// An entry of `trustedProxies` is nowhere that a proxy could be.
    #[error("config.json: key `trustedProxies`")]
    TrustedProxies(#[source] ParseTrustedProxyError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_configuration_says_about_the_web_is_taken_over() {
        let mut config = Config {
            proxy_url: Some("/base".to_owned()),
            canonical_host: Some("a.org".to_owned()),
            writable_groups: true,
            ..Config::default()
        };
        let of_site = settings(&config).expect("a valid URL");
        assert_eq!(of_site.proxy, Some("/base".parse().expect("a valid URL")));
        assert_eq!(of_site.canonical_host.as_deref(), Some("a.org"));
        assert!(of_site.writable_groups);
        assert_eq!(of_groups(&config).canonical_host.as_deref(), Some("a.org"));
        assert!(of_groups(&config).can_change_password);

        config.trusted_proxies = vec!["10.0.0.0/8".to_owned(), "unix".to_owned()];
        assert_eq!(settings(&config).expect("valid").trusted_proxies.len(), 2);
        config.trusted_proxies.push("proxy.example".to_owned());
        let error = settings(&config).expect_err("no address").to_string();
        assert!(error.contains("trustedProxies"), "{error}");
        config.proxy_url = Some("ftp://a".to_owned());
        assert!(settings(&config).expect_err("no URL of the web").to_string().contains("proxyURL"));
    }
}
