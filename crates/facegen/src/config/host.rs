//! Validation of URLs by their host.

use url::{Host, Url};

/// Returns whether the URL has a host to which a client can connect.
pub(super) fn leads_to_a_host(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let is_named = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name.split('.').all(|label| !label.is_empty())
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    is_named && url.port() != Some(0)
}
