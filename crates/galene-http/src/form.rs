//! Forms and queries: `application/x-www-form-urlencoded`.

use crate::path;

/// Returns the value of a field. What is not well formed counts as absent.
pub(crate) fn field(form: &str, name: &str) -> Option<String> {
    let pairs = form.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut fields = pairs.filter_map(|(name, value)| Some((decode(name)?, decode(value)?)));
    fields.find(|(found, _)| found == name).map(|(_, value)| value)
}

fn decode(text: &str) -> Option<String> {
    path::decode(&text.replace('+', " ")).map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_decoded() {
        let form = "q=delete&filename=a+b%2B%C3%A9.webm&empty=&flag";
        assert_eq!(field(form, "q").as_deref(), Some("delete"));
        assert_eq!(field(form, "filename").as_deref(), Some("a b+é.webm"));
        assert_eq!(field(form, "empty").as_deref(), Some(""));
        assert_eq!(field(form, "flag").as_deref(), Some(""));
        assert_eq!(field(form, "file"), None);
        assert_eq!(field("a=%zz", "a"), None);
        assert_eq!(field("", "a"), None);
    }
}
