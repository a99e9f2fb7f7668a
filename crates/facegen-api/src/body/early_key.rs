//! Finds the key in the beginning of a body.

use std::fmt;

use axum::http::HeaderMap;
use facegen_core::redact::Secret;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{URL_ENCODED, is_multipart, multipart, says};

/// Returns the key in `beginning`, if it is there already. It decides only
/// whose share of the memory budget is used; the whole body may have another.
pub(crate) fn early_key(headers: &HeaderMap, beginning: &[u8]) -> Option<Secret<String>> {
    if is_multipart(headers, beginning) {
        return multipart::early_key(headers, beginning);
    }
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        // The beginning may end within a character.
        Err(error) => str::from_utf8(beginning.get(..error.valid_up_to())?).ok()?,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if says(headers, URL_ENCODED) && !text.starts_with('{') {
        let mut fields = form_urlencoded::parse(text.as_bytes());
        let (_, key) = fields.find(|(name, _)| name.trim() == "key")?;
        return Some(Secret::new(key.into_owned()));
    }
    let mut found = None;
    // Always ends with an error, because the rest is missing.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(KeyVisitor(&mut found));
    found
}

struct KeyVisitor<'f>(&'f mut Option<Secret<String>>);

impl<'de> Visitor<'de> for KeyVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if name.trim() != "key" {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = members.next_value()?;
            *self.0 = serde_json::from_str(value.get()).ok().map(Secret::new);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    fn found(headers: &HeaderMap, beginning: &[u8]) -> Option<String> {
        early_key(headers, beginning).map(|key| key.expose().clone())
    }

    #[test]
    fn a_key_is_found_where_it_stands_before_the_photo() {
        let none = HeaderMap::new();
        for (beginning, key) in [
            (r#"{"key":"abc","face_image":"data:"#, Some("abc")),
            (
                "\u{feff} {\"a\":[{}],\" key \" : \"a\\u0062c\",",
                Some("abc"),
            ),
            (r#"{"key":"old","key":"abc","x"#, Some("abc")),
            (r#"{"key":"abc"}"#, Some("abc")),
            (r#"{"key":"ab"#, None),
            (r#"{"key":7,"face_image":""#, None),
            (r#"{"face_image":"AAAA"#, None),
            (r#"{"a":{"key":"abc"},"#, None),
            ("key=abc&face_image=AA", None),
            ("[1", None),
            ("", None),
        ] {
            assert_eq!(
                found(&none, beginning.as_bytes()).as_deref(),
                key,
                "{beginning}"
            );
        }
        assert_eq!(
            found(&none, b"{\"key\":\"abc\",\"prompt\":\"\xc3").as_deref(),
            Some("abc")
        );
    }

    #[test]
    fn a_key_is_found_in_a_form() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
        assert_eq!(
            found(&headers, b"a=1&key=a%20b&face_image=AA").as_deref(),
            Some("a b")
        );
        assert_eq!(found(&headers, b"face_image=AA"), None);
        assert_eq!(
            found(&headers, b"{\"key\":\"abc\",").as_deref(),
            Some("abc")
        );
    }

    #[test]
    fn a_key_is_found_in_a_multipart_form() {
        let form = HeaderValue::from_static("multipart/form-data; boundary=x");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
        let part = |name: &str, content: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}")
        };
        let prompt = part("prompt", "a b\r\n");
        let photo = part("face_image\"; filename=\"a.png", "\u{89}PNG");
        let key = part("key", "abc\r\n");
        for (beginning, expected) in [
            (format!("{key}{photo}"), Some("abc")),
            (format!("{prompt}{key}{photo}"), Some("abc")),
            (format!("{prompt}{key}--x"), Some("abc")),
            (format!("{key}--x--"), Some("abc")),
            (key.clone(), None),
            (photo, None),
            (part("key\"; filename=\"key.txt", "abc\r\n--x"), None),
            (String::from("{\"key\":\"abc\","), Some("abc")),
        ] {
            let seen = found(&headers, beginning.as_bytes());
            assert_eq!(seen.as_deref(), expected, "{beginning}");
        }
    }
}
