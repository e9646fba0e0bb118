//! Which addresses the client may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks of the IANA IPv4 Special-Purpose Address Registry that are not globally reachable, multicast (RFC 5771), and 6to4
/// relays (RFC 7526).
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// All global unicast addresses of IPv6 (RFC 4291).
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);

/// Networks among them that are special: protocols such as Teredo, which wraps IPv4; documentation; 6to4, which wraps IPv4.
const SPECIAL_V6: [Ipv6Net; 4] =
    [v6([0x2001, 0], 23), v6([0x2001, 0xdb8], 32), v6([0x2002, 0], 16), v6([0x3fff, 0], 20)];

/// NAT64 (RFC 6052): the last 32 bits are an IPv4 address.
const NAT64: Ipv6Net = v6([0x64, 0xff9b], 96);

/// The public addresses, and networks that the operator allows as well.
#[derive(Debug)]
pub(super) struct Allowed(Vec<IpNet>);

impl Allowed {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let inner = unwrap(address);
        is_public(inner) || self.0.iter().any(|network| network.contains(&address) || network.contains(&inner))
    }
}

/// The IPv4 address inside an IPv6 address that stands for it.
fn unwrap(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        // ::ffff:0:0/96
        address => address.to_canonical(),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([first, second]: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(networks: &[&str], address: &str) -> bool {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        Allowed::new(&networks).contains(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_allowed_however_they_are_written() {
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
        {
            assert!(contains(&[], public), "{public}");
        }
    }

    #[test]
    fn addresses_of_this_machine_and_its_networks_are_refused_however_they_are_wrapped() {
        let v4 = ["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1"];
        let more = ["192.0.0.8", "192.168.1.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255"];
        for address in v4.into_iter().chain(more) {
            assert!(!contains(&[], address), "{address}");
            for wrapped in [format!("::ffff:{address}"), format!("64:ff9b::{address}")] {
                assert!(!contains(&[], &wrapped), "{wrapped}");
            }
        }
        let v6 =
            ["::", "::1", "::7f00:1", "64:ff9b:1::a00:1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1"];
        let wrapping = ["2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "3fff::1", "100::1"];
        for address in v6.into_iter().chain(wrapping) {
            assert!(!contains(&[], address), "{address}");
        }
    }

    #[test]
    fn the_operator_allows_networks() {
        assert!(contains(&["10.1.0.0/16"], "10.1.2.3") && !contains(&["10.1.0.0/16"], "10.2.2.3"));
        assert!(contains(&["10.1.0.0/16"], "::ffff:10.1.2.3") && contains(&["fd00::/8"], "fd12::1"));
        assert!(contains(&["64:ff9b::/96"], "64:ff9b::10.1.2.3"));
    }
}
