//! The file that a client may have already.

use axum::http::HeaderMap;
use axum::http::header::{IF_NONE_MATCH, IF_RANGE};
use facegen_core::FileName;

/// Returns the entity tag of a file. It is the name, because the bytes of a
/// name never change; so it is a strong validator.
pub(super) fn entity_tag(name: &FileName) -> String {
    format!("\"{}\"", name.expose())
}

/// Returns whether the client has the file, by `If-None-Match`. Weak tags match
/// as well there.
pub(super) fn is_cached(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).into_iter();
    lists
        .filter_map(|list| list.to_str().ok())
        // No tag of a file contains a comma.
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|sent| sent == "*" || sent.strip_prefix("W/").unwrap_or(sent) == tag)
}

/// Returns whether a range applies, by `If-Range`. A date never matches, as
/// files have none.
pub(super) fn is_same_file(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(IF_RANGE).is_none_or(|sent| sent == tag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::HeaderName;

    use super::*;

    const TAG: &str = "\"a-0.png\"";

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let values = values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_static(value)));
        values.fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    }

    #[test]
    fn a_file_is_cached_under_its_tag() {
        for (values, cached) in [
            (&[][..], false),
            (&["\"a-0.png\""], true),
            (&["W/\"a-0.png\""], true),
            (&["*"], true),
            (&["\"b\", \"a-0.png\""], true),
            (&["\"b\",W/\"a-0.png\" ,\"c\""], true),
            (&["\"b\"", "\"a-0.png\""], true),
            (&["a-0.png"], false),
            (&["\"A-0.png\""], false),
            (&["\"a-0.png"], false),
            (&["w/\"a-0.png\""], false),
            (&["\"b\", \"c\""], false),
            (&[""], false),
            (&["\"*\""], false),
        ] {
            let headers = headers(&IF_NONE_MATCH, values);
            assert_eq!(is_cached(&headers, TAG), cached, "{values:?}");
        }
    }

    #[test]
    fn a_range_applies_to_the_same_file_only() {
        for (values, applies) in [
            (&[][..], true),
            (&["\"a-0.png\""], true),
            (&["W/\"a-0.png\""], false),
            (&["\"b-0.png\""], false),
            (&["*"], false),
            (&["Wed, 21 Oct 2015 07:28:00 GMT"], false),
            (&[""], false),
        ] {
            let headers = headers(&IF_RANGE, values);
            assert_eq!(is_same_file(&headers, TAG), applies, "{values:?}");
        }
    }
}
