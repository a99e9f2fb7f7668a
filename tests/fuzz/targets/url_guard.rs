//! The text of a URL that a caller names.

#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use facegen_core::redact::SafeUrl;
use facegen_outbound::{Guard, Networks};
use libfuzzer_sys::fuzz_target;
use url::Host;

static GUARD: LazyLock<Guard> = LazyLock::new(|| Guard::new(Networks::default()).unwrap());

fuzz_target!(|text: &str| {
    let Ok(url) = GUARD.check_url(&SafeUrl::from(text)) else {
        return;
    };
    assert!(matches!(url.scheme(), "http" | "https"));
    assert!(url.username().is_empty() && url.password().is_none());
    let address = match url.host().unwrap() {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        Host::Domain(name) => {
            // What the connector parses as an address is none.
            assert!(name.parse::<IpAddr>().is_err());
            return;
        }
    };
    assert!(Networks::default().allows(address), "{address}");
});
