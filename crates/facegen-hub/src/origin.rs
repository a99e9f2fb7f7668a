//! To whom a URL leads, where an answer leads on, and what of a URL is shown.

use std::fmt::Write as _;

use url::Url;

/// Whether both lead to one scheme, host and port, so that the same server gets
/// what is sent.
pub(super) fn same_origin(url: &str, other: &str) -> bool {
    let origin = |url| Url::parse(url).map(|url| url.origin());
    matches!((origin(url), origin(other)), (Ok(one), Ok(other)) if one == other)
}

/// The scheme, host and port that a URL names, as text.
pub(super) fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// The host that a URL names.
pub(super) fn host(url: &str) -> String {
    let host = Url::parse(url)
        .ok()
        .and_then(|url| Some(url.host_str()?.to_owned()));
    host.unwrap_or_default()
}

/// A URL as messages show it: without a password, and without the query, in which
/// stores have their signatures.
pub(super) fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return "a url that cannot be read".to_owned();
    };
    url.set_query(None);
    url.set_fragment(None);
    // Whatever has no host has no password either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// The URL that the bytes of a header `location` name in an answer of `url`, or why
/// it is not followed.
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

/// The header as text; bytes that are not ASCII are escaped as they stand.
fn escaped(location: &[u8]) -> String {
    let mut text = String::new();
    for byte in location {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            // Writing to a text never fails.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
