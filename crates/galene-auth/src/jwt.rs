//! JSON Web Tokens (RFC 7519): what is said in them, who signed it, and whom it lets in.
//!
//! We read and check them ourselves, with the signatures of `aws-lc-rs`, because what clients can
//! observe is in the details: what counts as a token at all, which keys are tried, and an audience
//! that is the URL of a group.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use galene_protocol::{GroupName, Permissions};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::AuthKey;
use crate::jwk::Algorithm;

/// How far the clocks of the server and of whoever signs may be apart; Galène's own number.
const LEEWAY: Duration = Duration::from_secs(5);
/// How many keys are tried for one token. Issuers have two while they change keys.
const MAX_KEYS_TRIED: usize = 16;

/// Something in the form of a signed token.
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    algorithm: Option<Algorithm>,
    key_id: Option<String>,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// What a token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JwtGrant {
    /// The name of its bearer; empty if it does not say.
    pub(crate) username: String,
    pub(crate) permissions: Permissions,
}

/// Why a token in the form of a JWT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// None of its audiences is this group.
    #[error("the token is for another audience")]
    Audience,
    /// A claim is missing or has the wrong type.
    #[error("a claim is missing or malformed")]
    Claims,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// No key of the group fits what its header says.
    #[error("no key of this group is for such a token")]
    NoKey,
    /// Its time is still to come, or it was made in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// No key made its signature.
    #[error("the signature is wrong")]
    Signature,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    aud: Option<Audience>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    permissions: Option<Permissions>,
    #[serde(default, rename = "include-subgroups")]
    include_subgroups: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl<'a> Jwt<'a> {
    /// Takes a token apart. Returns `None` if it is no JWT by its form, and may be the name of a token
    /// that the server keeps.
    pub(crate) fn parse(token: &'a str) -> Option<Jwt<'a>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let (header, payload) = (decode(header)?, decode(payload)?);
        let header: Map<String, Value> = object(&header)?;
        object::<Map<String, Value>>(&payload)?;
        let text = |name| header.get(name).and_then(Value::as_str);
        Some(Jwt {
            algorithm: text("alg").and_then(Algorithm::from_name),
            key_id: text("kid").filter(|id| !id.is_empty()).map(str::to_owned),
            signed,
            payload,
            signature: decode(signature)?,
        })
    }

    /// Checks the token for a group. A host is part of the audience only if the server has a canonical
    /// one.
    pub(crate) fn check(
        &self,
        keys: &[AuthKey],
        group: &GroupName,
        canonical_host: Option<&str>,
        now: SystemTime,
    ) -> Result<JwtGrant, JwtError> {
        let algorithm = self.algorithm.ok_or(JwtError::NoKey)?;
        let mut fitting =
            keys.iter().filter(|key| key.is_meant(algorithm, self.key_id.as_deref())).peekable();
        if fitting.peek().is_none() {
            return Err(JwtError::NoKey);
        }
        let mut tried = fitting.take(MAX_KEYS_TRIED);
        if !tried.any(|key| key.verify(self.signed.as_bytes(), &self.signature)) {
            return Err(JwtError::Signature);
        }
        let claims: Claims = object(&self.payload).ok_or(JwtError::Claims)?;
        claims.check_times(now)?;
        if !claims.is_for(group, canonical_host) {
            return Err(JwtError::Audience);
        }
        Ok(JwtGrant {
            username: claims.sub.unwrap_or_default(),
            permissions: claims.permissions.unwrap_or_default(),
        })
    }
}

impl Claims {
    fn check_times(&self, now: SystemTime) -> Result<(), JwtError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        if now >= self.exp + leeway {
            return Err(JwtError::Expired);
        }
        let begins = [self.nbf, self.iat].into_iter().flatten();
        if begins.into_iter().any(|begin| now < begin - leeway) {
            return Err(JwtError::NotYetValid);
        }
        Ok(())
    }

    fn is_for(&self, group: &GroupName, canonical_host: Option<&str>) -> bool {
        let audiences = match &self.aud {
            None => &[][..],
            Some(Audience::One(audience)) => std::slice::from_ref(audience),
            Some(Audience::Many(audiences)) => audiences,
        };
        let page = format!("/group/{group}/");
        audiences.iter().filter_map(|audience| host_and_path(audience)).any(|(host, path)| {
            let is_page = if self.include_subgroups == Value::Bool(true) {
                path.starts_with("/group/") && path.ends_with('/') && page.starts_with(&path)
            } else {
                path == page
            };
            is_page && canonical_host.is_none_or(|ours| ours.eq_ignore_ascii_case(host))
        })
    }
}

/// Returns the host, with its port, and the decoded path of a URL.
fn host_and_path(url: &str) -> Option<(&str, String)> {
    let url = url.split(['?', '#']).next()?;
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", url),
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    Some((host, percent_decode(path)?))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.extend(crate::hex::decode(digits)?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Reads an object; an array of its members, which serde would take as well, is none.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let starts = json.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    starts.then(|| serde_json::from_slice(json).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_and_path_of_a_url_are_found() {
        for (url, expected) in [
            ("https://a.org:8443/group/x%20y/", Some(("a.org:8443", "/group/x y/"))),
            ("https://me@a.org/group/g/?token=1#x", Some(("a.org", "/group/g/"))),
            ("https://a.org", Some(("a.org", ""))),
            ("/group/g/", Some(("", "/group/g/"))),
            ("https://a.org/%f", None),
            ("https://a.org/%+1", None),
            ("https://a.org/%ff", None),
        ] {
            let expected = expected.map(|(host, path)| (host, path.to_owned()));
            assert_eq!(host_and_path(url), expected, "{url}");
        }
    }

    #[test]
    fn only_three_parts_of_which_two_are_objects_are_a_token() {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let token = |header: &str, payload: &str| {
            Jwt::parse(&format!("{}.{}.AAAA", encode(header), encode(payload))).is_some()
        };
        assert!(token("{}", " {}") && token(r#"{"alg":"none"}"#, "{}"));
        assert!(!token("[]", "{}") && !token("{}", "1") && !token("{", "{}"));
        let empty = encode("{}");
        assert!(Jwt::parse(&format!("{empty}.{empty}.")).is_some());
        for other in [
            "kQ3dSWzjWpo".to_owned(),
            String::new(),
            "..".to_owned(),
            format!("{empty}.{empty}"),
            format!("{empty}.{empty}.AAAA.AAAA"),
            format!("{empty}.{empty}.AA=="),
            format!("{empty}.{empty}.A+AA"),
        ] {
            assert!(Jwt::parse(&other).is_none(), "{other}");
        }
    }
}
