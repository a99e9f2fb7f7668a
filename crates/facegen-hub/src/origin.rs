//! Origins of URLs, targets of redirects, and what messages show of a URL.

use std::fmt::Write as _;

use url::Url;

/// Whether both have the same scheme, host and port, so that one server receives
/// both requests.
pub(super) fn same_origin(url: &str, other: &str) -> bool {
    let origin = |url| Url::parse(url).map(|url| url.origin());
    matches!((origin(url), origin(other)), (Ok(one), Ok(other)) if one == other)
}

/// Returns the scheme, host and port of a URL, as text.
pub(super) fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// Returns the host of a URL.
pub(super) fn host(url: &str) -> String {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| Some(url.host_str()?.to_owned()));
    host.unwrap_or_default()
}

/// Returns a URL as messages show it: without a password, and without the query,
/// which holds the signature of a store's URL.
pub(super) fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return "a url that cannot be read".to_owned();
    };
    url.set_query(None);
    url.set_fragment(None);
    // A URL without a host has no password either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// Returns the target of a redirect from `url`, by the bytes of its header
/// `location`, or why it is not followed.
pub(super) fn next_url(url: &str, location: &[u8]) -> Result<String, String> {
    let from = Url::parse(url).map_err(|error| error.to_string())?;
    let next = from.join(&escaped(location));
    let next = next.map_err(|error| format!("leads to what is no url: {error}"))?;
    match (from.scheme(), next.scheme()) {
        ("https", "http") => Err(format!("leads from https to {}", shown(next.as_str()))),
        (_, "http" | "https") => Ok(next.into()),
        (_, scheme) => Err(format!("leads to a url of {scheme}, which is not http")),
    }
}

/// Returns the header as text, with each byte that is not ASCII escaped.
fn escaped(location: &[u8]) -> String {
    let mut text = String::new();
    for byte in location {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            // Writing to a `String` never fails.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
