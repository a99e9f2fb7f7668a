//! To whom a URL leads, and where an answer leads on.

use ureq::http::Uri;
use url::Url;

/// Scheme, host and port: who gets what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL; `None` where it is none.
    pub(super) fn of(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let scheme = url.scheme_str()?.to_ascii_lowercase();
        let usual = if scheme == "https" { 443 } else { 80 };
        Some(Self {
            host: url.host()?.to_ascii_lowercase(),
            port: url.port_u16().unwrap_or(usual),
            scheme,
        })
    }
}

/// The URL that `location` names in an answer of `url`; `None` where it is none
/// of HTTP.
pub(super) fn next_url(url: &str, location: &str) -> Option<String> {
    let next = Url::parse(url).ok()?.join(location).ok()?;
    matches!(next.scheme(), "http" | "https").then(|| next.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port_make_an_origin() {
        let hub = Origin::of("https://hub.example/a/b?c");
        assert!(hub.is_some());
        for same in ["https://HUB.example:443", "HTTPS://hub.example/d"] {
            assert_eq!(Origin::of(same), hub, "{same}");
        }
        for other in [
            "http://hub.example/a/b",
            "https://hub.example:8443/a/b",
            "https://cdn.hub.example/a/b",
            "/a/b",
            "",
        ] {
            assert_ne!(Origin::of(other), hub, "{other}");
        }
    }

    #[test]
    fn an_answer_leads_to_a_url_or_to_a_path() {
        let from = "http://127.0.0.1:81/a/b?c";
        for (location, to) in [
            ("/d?e", Some("http://127.0.0.1:81/d?e")),
            ("https://store.example/d", Some("https://store.example/d")),
            ("//store.example/d", Some("http://store.example/d")),
            ("d", Some("http://127.0.0.1:81/a/d")),
            ("ftp://store.example/d", None),
            ("http://", None),
        ] {
            assert_eq!(next_url(from, location).as_deref(), to, "{location}");
        }
    }
}
