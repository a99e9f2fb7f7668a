//! Checks by their text which URLs may be opened.
//!
//! The parser is the WHATWG one, the same that the client uses, so every
//! spelling of an IPv4 address (`127.1`, `0x7f000001`, `2130706433`,
//! `%31%32%37.1`) has become that address before it is checked.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use super::{Networks, Refusal};

/// Ports of other protocols than HTTP: those of the Fetch standard that
/// browsers refuse, and the usual ones of databases, caches and remote control,
/// which browsers leave to the same-origin rule.
const PORTS_OF_OTHERS: [u16; 96] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080, // the Fetch standard
    445, 1433, 1521, 2375, 2379, 3306, 3389, 5432, 5900, 6379, 9042, 11211, 27017,
];

/// Parses `text` as a URL and checks it.
pub(super) fn check(text: &str, networks: &Networks) -> Result<Url, Refusal> {
    let url = Url::parse(text).map_err(Refusal::Syntax)?;
    check_url(url, networks)
}

/// Returns `url` if it may be opened.
pub(super) fn check_url(url: Url, networks: &Networks) -> Result<Url, Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Userinfo);
    }
    check_host(&url, networks)?;
    match url.port_or_known_default() {
        Some(port) if PORTS_OF_OTHERS.contains(&port) => Err(Refusal::Port(port)),
        Some(_) => Ok(url),
        None => Err(Refusal::NotAUrl),
    }
}

/// Checks the host. Addresses are checked here because the client never passes
/// them to a resolver; names are checked again by what they resolve to.
fn check_host(url: &Url, networks: &Networks) -> Result<(), Refusal> {
    let address = match url.host() {
        None => return Err(Refusal::NotAUrl),
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) => return check_name(name, networks),
    };
    if networks.allows(address) {
        Ok(())
    } else {
        Err(Refusal::Address(address))
    }
}

/// Checks a name that means this machine or its cloud whatever a resolver says. The
/// names of this machine pass where the operator allows its loopback network.
fn check_name(name: &str, networks: &Networks) -> Result<(), Refusal> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_local = name == "localhost" || name.ends_with(".localhost");
    let loopback_is_allowed = networks.allows(Ipv4Addr::LOCALHOST.into());
    match name {
        "" => Err(Refusal::NotAUrl),
        "metadata" | "metadata.google.internal" => Err(Refusal::MetadataName),
        _ if is_local && !loopback_is_allowed => Err(Refusal::LocalName),
        _ => Ok(()),
    }
}
