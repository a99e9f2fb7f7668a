//! The addresses that may be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The IPv4 networks without public hosts, after IANA's special-purpose
/// registry.
const NOT_PUBLIC_V4: [Ipv4Net; 17] = [
    v4([0, 0, 0, 0], 8),          // this network
    v4([10, 0, 0, 0], 8),         // private
    v4([100, 64, 0, 0], 10),      // shared by carriers' customers
    v4([127, 0, 0, 0], 8),        // loopback
    v4([168, 63, 129, 16], 32),   // the host of a virtual machine in Azure
    v4([169, 254, 0, 0], 16),     // link-local, and most clouds' metadata
    v4([172, 16, 0, 0], 12),      // private
    v4([192, 0, 0, 0], 24),       // protocol assignments
    v4([192, 0, 2, 0], 24),       // documentation
    v4([192, 88, 99, 0], 24),     // relays of 6to4
    v4([192, 168, 0, 0], 16),     // private
    v4([198, 18, 0, 0], 15),      // benchmarks
    v4([198, 51, 100, 0], 24),    // documentation
    v4([203, 0, 113, 0], 24),     // documentation
    v4([224, 0, 0, 0], 4),        // multicast
    v4([240, 0, 0, 0], 4),        // reserved
    v4([255, 255, 255, 255], 32), // broadcast
];

/// The IPv6 addresses that are assigned to hosts at all. Everything else is
/// local, multicast, reserved, or carries an IPv4 address.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// The networks within [`GLOBAL_UNICAST`] without public hosts.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    // Protocol assignments: Teredo, benchmarks, ORCHID.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),     // 6to4, which leads to any IPv4 host
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation
];

/// The prefix by which a network without IPv4 reaches IPv4 hosts. Resolvers
/// return these for ordinary public hosts, so the address within decides.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// The networks that callers' URLs may lead to: the public internet, and what
/// the operator allows in addition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    allowed: Vec<IpNet>,
}

impl Networks {
    /// Returns the public internet and `allowed`, whatever kind of network that is.
    #[must_use]
    pub fn public_and(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Returns all networks, for URLs that the operator configures.
    #[must_use]
    pub fn any() -> Self {
        Self::public_and(vec![v4([0; 4], 0).into(), v6([0; 8], 0).into()])
    }

    /// Returns whether `address` may be reached.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = embedded_v4(address).map_or(address, IpAddr::V4);
        self.allowed
            .iter()
            .any(|network| network.contains(&address))
            || is_public(address)
    }
}

/// Returns the IPv4 address that is actually reached: that of an IPv4-mapped
/// address or of one in [`NAT64`].
pub(super) fn embedded_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let [.., a, b, c, d] = address.octets();
    let nat64 = NAT64.contains(&address).then(|| Ipv4Addr::new(a, b, c, d));
    nat64.or_else(|| address.to_ipv4_mapped())
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4
            .iter()
            .any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST.contains(&address)
                && !NOT_PUBLIC_V6
                    .iter()
                    .any(|network| network.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permitted(networks: &Networks, address: &str) -> bool {
        networks.allows(address.parse().unwrap())
    }

    #[test]
    fn public_hosts_are_permitted_up_to_the_edges_of_their_networks() {
        let networks = Networks::default();
        for address in "
            1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255
            128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0
            172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255
            192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
            198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 2000::
            2001:200::1 2001:db7:ffff:: 2001:db9:: 2001:ffff:: 2003::
            2606:4700:4700::1111 3ffe:ffff:: 3fff:1000:: ::ffff:1.1.1.1 64:ff9b::101:101"
            .split_whitespace()
        {
            assert!(permitted(&networks, address), "{address}");
        }
    }

    #[test]
    fn all_other_networks_are_refused_from_edge_to_edge() {
        let networks = Networks::default();
        for address in "
            0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255
            127.0.0.0 127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254
            169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.0
            192.0.2.255 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0
            198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.0 239.255.255.255 240.0.0.0
            255.255.255.255 :: ::1 ::2 ::7f00:1 ::1.1.1.1 ::ffff:10.0.0.1
            ::ffff:0:1.1.1.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::1:1.1.1.1
            64:ff9b:1::101:101 100::1 1fff:ffff:: 2001::1 2001:2::1 2001:10::1
            2001:20::1 2001:1ff:ffff:: 2001:db8:: 2001:db8:ffff::1 2002:101:101::
            2002:7f00:1:: 3fff::1 3fff:fff::1 4000:: 5f00::1 fc00::1 fd00:ec2::254
            fe80::1 fec0::1 ff02::1 ffff::1"
            .split_whitespace()
        {
            assert!(!permitted(&networks, address), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_is_allowed_in_every_spelling_and_nothing_else() {
        let allowed = ["127.0.0.2/32", "fd00:1::/32", "10.1.0.0/16"];
        let allowed = allowed.map(|network| network.parse().unwrap());
        let networks = Networks::public_and(allowed.to_vec());
        for address in [
            "127.0.0.2",
            "::ffff:127.0.0.2",
            "64:ff9b::7f00:2",
            "fd00:1::5",
            "10.1.255.255",
        ] {
            assert!(permitted(&networks, address), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.0.0.3",
            "fd00:2::5",
            "10.2.0.0",
            "::7f00:2",
        ] {
            assert!(!permitted(&networks, address), "{address}");
        }
    }
}
