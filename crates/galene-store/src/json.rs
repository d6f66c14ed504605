//! JSON objects of which only some members are changed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A JSON object whose members keep their order and, where nobody changes them, their text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    /// Parses the first JSON value in a text; `null` is an empty object. What follows is ignored.
    pub(crate) fn parse(text: &str) -> serde_json::Result<Object> {
        let object = Option::<Object>::deserialize(&mut serde_json::Deserializer::from_str(text))?;
        Ok(object.unwrap_or_default())
    }

    /// Returns a member. One that is null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value).filter(|value| value.get() != "null")
    }

    /// Returns a member that is an object, or an empty one if there is none.
    pub(crate) fn object(&self, key: &str) -> serde_json::Result<Object> {
        self.get(key).map_or(Ok(Object::default()), |value| Object::parse(value.get()))
    }

    /// Puts a member in the place of the one that has its key, or at the end.
    pub(crate) fn set(&mut self, key: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Box<RawValue>> {
        let index = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(index).1)
    }

    /// Keeps the members whose keys are wanted.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.0.retain(|(key, _)| wanted(key));
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the object as a value of another one.
    pub(crate) fn to_raw(&self) -> Box<RawValue> {
        raw(self)
    }

    /// Returns the object without any space between.
    pub(crate) fn one_line(&self) -> String {
        layout(self.to_raw().get(), None)
    }

    /// Returns the object as people write it: a line for each member, indented by four spaces.
    pub(crate) fn pretty(&self) -> String {
        let mut text = layout(self.to_raw().get(), Some(4));
        text.push('\n');
        text
    }
}

impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                let mut places: BTreeMap<String, usize> = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    match places.entry(key.clone()) {
                        Entry::Occupied(place) => members[*place.get()].1 = value,
                        Entry::Vacant(place) => {
                            place.insert(members.len());
                            members.push((key, value));
                        }
                    }
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Returns a value as JSON.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("it has text keys and no failing parts")
}

/// Lays out valid JSON anew: on one line, or on many with so many spaces for each level.
pub(crate) fn layout(json: &str, indent: Option<usize>) -> String {
    let mut text = String::with_capacity(json.len());
    let mut depth = 0;
    let new_line = |text: &mut String, depth: usize| {
        if let Some(indent) = indent {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    let mut rest = json.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                text.push(c);
                let mut escaped = false;
                for c in rest.by_ref() {
                    text.push(c);
                    match c {
                        '"' if !escaped => break,
                        '\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
            }
            '{' | '[' => {
                text.push(c);
                let end = if c == '{' { '}' } else { ']' };
                let after = rest.as_str().trim_start();
                if after.starts_with(end) {
                    rest = after[1..].chars();
                    text.push(end);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(if indent.is_some() { ": " } else { ":" }),
            c if c.is_ascii_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_changes_keeps_its_order_and_its_text() {
        let text = r#"{"z": 1.50, "a": {"y": [], "b": "é\"{[,:"}, "n": null, "m": 1e400} trailing"#;
        let mut object = Object::parse(text).expect("an object");
        assert!(object.get("n").is_none());
        object.set("new", raw(&true));
        object.set("z", raw(&2));
        assert!(object.remove("m").is_some() && object.remove("m").is_none());
        let expected = "{\n    \"z\": 2,\n    \"a\": {\n        \"y\": [],\n        \"b\": \"é\\\"{[,:\"\n    },\n    \"n\": null,\n    \"new\": true\n}\n";
        assert_eq!(object.pretty(), expected);
        assert_eq!(Object::parse(&object.pretty()).expect("it is JSON").pretty(), expected);
    }

    #[test]
    fn a_layout_changes_nothing_but_the_space_between() {
        let json = " { \"a\" : [ 1 , { } , [ ] , \"x  y\\\\\" ] , \"b\" : { \"c\" : -1.0e5 } } ";
        let one_line = layout(json, None);
        assert_eq!(one_line, "{\"a\":[1,{},[],\"x  y\\\\\"],\"b\":{\"c\":-1.0e5}}");
        assert_eq!(layout(&layout(json, Some(4)), None), one_line);
        assert_eq!(layout("3", Some(4)), "3");
    }

    #[test]
    fn the_last_of_two_members_of_the_same_name_counts() {
        let object = Object::parse(r#"{"a": 1, "b": 2, "a": 3}"#).expect("an object");
        assert_eq!(object.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(object.get("a").expect("it is there").get(), "3");
        assert!(Object::parse("[]").is_err());
        assert!(Object::parse("null").expect("no object").is_empty());
    }
}
