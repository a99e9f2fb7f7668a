//! The origins of pages.

use serde::{Deserialize, Deserializer, de};
use url::Url;

use super::host::leads_to_a_host;

const WILDCARD: &str = "wildcards would let unknown pages call the API: name each origin";
const NULL: &str = "null is the origin of every local file and sandboxed page: name each origin";
const NO_ORIGIN: &str = "expected http:// or https://, a host and perhaps a port";

/// Deserialises a list of origins and checks each.
pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    for origin in &origins {
        check(origin).map_err(de::Error::custom)?;
    }
    Ok(origins)
}

/// Checks that browsers send `text` as the origin of pages.
///
/// # Errors
/// Fails with the reason: an origin in another spelling would never match.
fn check(text: &str) -> Result<(), String> {
    if text.contains('*') {
        return Err(WILDCARD.to_owned());
    }
    if text.eq_ignore_ascii_case("null") {
        return Err(NULL.to_owned());
    }
    let url = Url::parse(text).map_err(|_| NO_ORIGIN.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || !leads_to_a_host(text) {
        return Err(NO_ORIGIN.to_owned());
    }
    let sent = url.origin().ascii_serialization();
    if sent == text {
        return Ok(());
    }
    Err(format!(
        "expected an origin as browsers send it: {sent}, without a path, a slash at its end, \
         the default port and capitals"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_accepted_as_browsers_send_them() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example",
            "https://a-b.example:8443",
        ] {
            assert_eq!(check(origin), Ok(()), "{origin}");
        }
    }

    #[test]
    fn what_never_is_an_origin_is_refused() {
        for (text, reason) in [
            ("*", WILDCARD),
            ("https://*", WILDCARD),
            ("https://*.example.com", WILDCARD),
            ("http://localhost:*", WILDCARD),
            ("null", NULL),
            ("NULL", NULL),
            ("", NO_ORIGIN),
            ("app.example.com", NO_ORIGIN),
            ("//app.example.com", NO_ORIGIN),
            ("localhost:3000", NO_ORIGIN),
            ("ftp://app.example.com", NO_ORIGIN),
            ("file:///page.html", NO_ORIGIN),
            ("https://", NO_ORIGIN),
            ("https://...", NO_ORIGIN),
            ("https://a.example:0", NO_ORIGIN),
            ("https://a.example:99999", NO_ORIGIN),
        ] {
            assert_eq!(check(text).unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn another_spelling_of_an_origin_is_refused_with_the_right_one() {
        for text in [
            "https://a.example/",
            "https://a.example/page",
            "https://a.example?a=b",
            "https://a.example#top",
            "https://a.example:443",
            "https://A.example",
            "HTTPS://a.example",
            " https://a.example",
            "https://user:hunter2@a.example",
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(": https://a.example, without"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
