//! The web client, embedded in the program: every file ready to be sent, compressed where that pays.
//!
//! Pages ([`index`], [`group`], [`not_found`]) name all else by URLs that contain a hash of the whole
//! client; [`asset`] finds what such a URL stands for. Send [`content_security_policy`] with the pages.
//!
//! ```
//! let page = galene_web::group();
//! assert_eq!(page.content_type, "text/html; charset=utf-8");
//! assert_eq!(page.cache.header_value(), "no-cache");
//!
//! let html = std::str::from_utf8(page.bytes)?;
//! let url = html.split('"').find(|s| s.starts_with("/assets/") && s.ends_with(".css"));
//! let style = url.and_then(galene_web::asset).expect("the page has a style sheet");
//! assert_eq!(style.content_type, "text/css; charset=utf-8");
//! # Ok::<(), std::str::Utf8Error>(())
//! ```

/// One file, as it is to be sent.
#[derive(Debug)]
pub struct Asset {
    /// The body.
    pub bytes: &'static [u8],
    /// The body for those who accept `Content-Encoding: br`, if it is smaller. Debug builds have none.
    pub brotli: Option<&'static [u8]>,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The `ETag`, quotes included. It is a weak one, so it holds for both bodies.
    pub etag: &'static str,
    /// How long it may be kept.
    pub cache: Cache,
}

/// How long a browser may keep an [`Asset`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// For ever: its URL changes when it does.
    Immutable,
    /// Only if it asks each time whether it is still the same.
    Revalidate,
}

impl Cache {
    /// Returns the value of the `Cache-Control` header.
    pub const fn header_value(self) -> &'static str {
        match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Revalidate => "no-cache",
        }
    }
}

/// Returns the file at an URL path, such as `/assets/0123456789abcdef/app/group.js`.
pub fn asset(path: &str) -> Option<&'static Asset> {
    let index = table::ASSETS.binary_search_by_key(&path, |(path, _)| path).ok()?;
    Some(&table::ASSETS[index].1)
}

/// Returns the page for administrators.
pub fn admin() -> &'static Asset {
    &table::ADMIN
}

/// Returns the page on which users change their passwords.
pub fn change_password() -> &'static Asset {
    &table::CHANGE_PASSWORD
}

/// Returns the page that lists the public groups.
pub fn index() -> &'static Asset {
    &table::INDEX
}

/// Returns the page of a group, the same for all groups.
pub fn group() -> &'static Asset {
    &table::GROUP
}

/// Returns the page for everything that does not exist.
pub fn not_found() -> &'static Asset {
    &table::NOT_FOUND
}

/// Returns the value of the `Content-Security-Policy` header for pages: our own files only, nothing
/// inline but the import map, which is allowed by its hash.
pub const fn content_security_policy() -> &'static str {
    table::POLICY
}

mod table {
    use super::{Asset, Cache};

    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

#[cfg(test)]
mod tests {
    use super::{
        Cache, admin, asset, change_password, content_security_policy, group, index, not_found,
        table,
    };

    #[test]
    fn files_can_be_found_by_their_urls_alone() {
        let (path, _) = &table::ASSETS[0];
        let found = asset(path).expect("it is in the table");
        assert_eq!(found.cache, Cache::Immutable);

        assert!(asset(&path.to_uppercase()).is_none());
        assert!(asset("/assets/0123456789abcdef/app/group.js").is_none());
        assert!(asset("").is_none());
    }

    #[test]
    fn all_that_pages_refer_to_is_embedded() {
        for page in [index(), group(), not_found(), admin(), change_password()] {
            let html = std::str::from_utf8(page.bytes).expect("pages are text");
            let mut urls = html.split('"').filter(|s| s.starts_with("/assets/")).peekable();
            assert!(urls.peek().is_some());
            for url in urls {
                let file = url.split('#').next().expect("never empty");
                assert!(asset(file).is_some(), "{url}");
            }
            assert!(!html.contains("{{"), "a mark is left");
        }
    }

    #[test]
    fn tests_are_not_embedded() {
        assert!(table::ASSETS.iter().any(|(path, _)| path.ends_with("/packages/client/index.js")));
        assert!(!table::ASSETS.iter().any(|(path, _)| path.contains(".test.")));
    }

    #[test]
    fn the_policy_allows_nothing_inline_but_the_import_map() {
        let policy = content_security_policy();
        assert!(policy.contains("script-src 'self' 'sha256-"));
        assert!(!policy.contains("unsafe"));
    }
}
