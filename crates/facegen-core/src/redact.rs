//! Types that redact what they hold when printed.
//!
//! Keys, URLs and photos reach logs and errors through the `Debug` of the types
//! that contain them. What must not appear there is hidden by its type, not by
//! the code that logs it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Printed in place of a hidden value.
const REDACTED: &str = "[redacted]";

/// A value that prints as `[redacted]`, such as an API key or a password.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

/// A URL as it was sent, which prints its scheme, host and port only. Presigned
/// links carry their secrets in the query, links of webhooks and images in the
/// path.
///
/// The text is not validated. Text that does not look like a URL with a host
/// (`data:` URIs among it) prints as `[redacted]`, as do URLs with control
/// characters or white space before their path.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SafeUrl(String);

impl SafeUrl {
    /// Returns the whole URL, for the one place that opens it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns host and port in lower case, without the scheme's default port:
    /// the identity of a server. Empty without a host.
    #[must_use]
    pub fn host(&self) -> String {
        let Some((scheme, host, _)) = self.parts() else {
            return String::new();
        };
        let port = match scheme.to_ascii_lowercase().as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let host = host.to_ascii_lowercase();
        match host.strip_suffix(port) {
            Some(name) => name.to_owned(),
            None => host,
        }
    }

    /// Returns the scheme, the host with its port, and the rest.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let (scheme, rest) = self.0.split_once("://")?;
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, hidden) = rest.split_at(end);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some((scheme, host, hidden))
    }
}

impl From<String> for SafeUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl From<&str> for SafeUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, host, hidden)) = self.parts() else {
            return formatter.write_str(REDACTED);
        };
        if [scheme, host]
            .iter()
            .any(|text| text.contains(is_unprintable))
        {
            return formatter.write_str(REDACTED);
        }
        write!(formatter, "{scheme}://{host}")?;
        match hidden {
            "" | "/" => formatter.write_str(hidden),
            _ => write!(formatter, "/{REDACTED}"),
        }
    }
}

/// Returns whether the character cannot occur in a host and could forge lines
/// of a log.
fn is_unprintable(character: char) -> bool {
    character.is_control() || character.is_whitespace()
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SafeUrl({:?})", self.to_string())
    }
}

/// An encoded photo of a person, as it was sent. Prints only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct FaceImage(Vec<u8>);

impl FaceImage {
    /// Returns the bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for FaceImage {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for FaceImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FaceImage({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let key = Secret::new(String::from("hunter2"));
        assert_eq!(format!("{key} {key:?}"), "[redacted] [redacted]");
        assert_eq!(key.expose(), "hunter2");
    }

    #[test]
    fn a_url_prints_its_scheme_and_host_alone() {
        for (url, shown) in [
            ("https://example.com", "https://example.com"),
            ("https://example.com/", "https://example.com/"),
            (
                "https://example.com/a.jpg",
                "https://example.com/[redacted]",
            ),
            (
                "https://hooks.example.com/services/T0/B0/secret",
                "https://hooks.example.com/[redacted]",
            ),
            (
                "https://me:pw@example.com:8443/a?sig=1#x",
                "https://example.com:8443/[redacted]",
            ),
            ("http://a@b@c/d", "http://c/[redacted]"),
            ("http://a\\secret", "http://a/[redacted]"),
            (
                "https://example.com#token",
                "https://example.com/[redacted]",
            ),
            (
                "https://example.com?x=http://u:p@h",
                "https://example.com/[redacted]",
            ),
            ("https://exa\nmple.com/", "[redacted]"),
            ("https://\u{1b}[2Jexample.com", "[redacted]"),
            ("https://a\u{0}b", "[redacted]"),
            ("https://a\u{2028}b", "[redacted]"),
            ("line\nhttps://example.com", "[redacted]"),
            ("data:image/png;base64,AAAA", "[redacted]"),
            ("just text", "[redacted]"),
        ] {
            assert_eq!(SafeUrl::from(url).to_string(), shown, "{url}");
            assert_eq!(
                format!("{:?}", SafeUrl::from(url)),
                format!("SafeUrl({shown:?})")
            );
            assert_eq!(SafeUrl::from(url).expose(), url);
        }
    }

    #[test]
    fn a_server_is_identified_by_its_host_and_port() {
        for (url, host) in [
            ("https://Hooks.example/a?b", "hooks.example"),
            ("https://hooks.example:443", "hooks.example"),
            ("http://hooks.example:80/", "hooks.example"),
            ("HTTP://hooks.example:443#x", "hooks.example:443"),
            ("http://u:p@hooks.example:8080", "hooks.example:8080"),
            ("http://[2001:DB8::1]:80/a", "[2001:db8::1]"),
            ("just text", ""),
        ] {
            assert_eq!(SafeUrl::from(url).host(), host, "{url}");
        }
    }

    #[test]
    fn a_face_image_prints_its_length() {
        let image = FaceImage::from(vec![255, 216, 255]);
        assert_eq!(format!("{image:?}"), "FaceImage(3 bytes)");
        assert_eq!(image.bytes(), [255, 216, 255]);
    }
}
