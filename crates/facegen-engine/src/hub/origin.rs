//! To whom a URL leads, and where an answer leads on.

use url::Url;

/// Whether both lead to one scheme, host and port, so that the same server gets
/// what is sent.
pub(super) fn same_origin(url: &str, other: &str) -> bool {
    let origin = |url| Url::parse(url).map(|url| url.origin());
    matches!((origin(url), origin(other)), (Ok(one), Ok(other)) if one == other)
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
        let hub = "https://hub.example/a/b?c";
        for same in ["https://HUB.example:443", "HTTPS://hub.example/d"] {
            assert!(same_origin(same, hub), "{same}");
        }
        for other in [
            "http://hub.example/a/b",
            "https://hub.example:8443/a/b",
            "https://cdn.hub.example/a/b",
            "/a/b",
            "",
        ] {
            assert!(!same_origin(other, hub), "{other}");
        }
        assert!(!same_origin("", ""), "nowhere is nobody's");
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
