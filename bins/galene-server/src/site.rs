//! What the web and the groups are told of the site's configuration.

use std::sync::Arc;

use galene_conference::Site;
use galene_http::{ParseProxyUrlError, SiteSettings};
use galene_store::Config;

/// Picks out of the configuration what concerns the web.
pub(crate) fn settings(config: &Config) -> Result<SiteSettings, ProxyUrlError> {
    let proxy = config.proxy_url.as_ref().map(|url| url.parse());
    Ok(SiteSettings {
        allow_origin: config.allow_origin.clone(),
        canonical_host: config.canonical_host.clone(),
        proxy: proxy.transpose().map_err(ProxyUrlError)?,
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

/// `proxyURL` is no URL.
#[derive(Debug, thiserror::Error)]
#[error("config.json: key `proxyURL`")]
pub(crate) struct ProxyUrlError(#[source] ParseProxyUrlError);

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

        config.proxy_url = Some("ftp://a".to_owned());
        assert!(settings(&config).expect_err("no URL of the web").to_string().contains("proxyURL"));
    }
}
