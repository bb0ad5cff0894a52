//! Which networks a site may reach: the public one, the user's own, or this machine (Private Network Access).

use crate::fetch::is_localhost;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// How private an address is, from this machine outwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressSpace {
    /// This machine.
    Loopback,
    /// The local network.
    Private,
    /// Everything else.
    #[default]
    Public,
}

/// Whether sites of the public network may reach private addresses and this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PrivateNetwork {
    /// No site may reach addresses more private than its own.
    #[default]
    Refuse,
    /// These origins may.
    AllowFor(Vec<String>),
    /// All may.
    Allow,
}

impl PrivateNetwork {
    /// The most private space that a request may reach.
    pub(crate) fn reach(&self, origin: &str, url: &Url) -> AddressSpace {
        let allowed = match self {
            PrivateNetwork::Refuse => false,
            PrivateNetwork::AllowFor(origins) => origins.iter().any(|allowed| allowed == origin),
            PrivateNetwork::Allow => true,
        };
        let own = Url::parse(origin).ok();
        // What is of the same origin is what the site itself came from.
        if allowed || own.as_ref().is_some_and(|own| own.origin() == url.origin()) {
            return AddressSpace::Loopback;
        }
        // An origin with a name counts as public: where it came from is not known after a restart.
        own.as_ref().and_then(AddressSpace::of_url).unwrap_or_default()
    }
}

impl AddressSpace {
    /// The space of an address.
    pub fn of(address: IpAddr) -> AddressSpace {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// The space of a URL whose host says it without a question to anybody.
    pub fn of_url(url: &Url) -> Option<AddressSpace> {
        match url.host()? {
            Host::Ipv4(address) => Some(of_v4(address)),
            Host::Ipv6(address) => Some(of_v6(address)),
            Host::Domain(name) => is_localhost(name).then_some(AddressSpace::Loopback),
        }
    }

    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            AddressSpace::Loopback => "this machine",
            AddressSpace::Private => "the local network",
            AddressSpace::Public => "the public network",
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressSpace {
    let [a, b, ..] = address.octets();
    if address.is_loopback() || a == 0 {
        AddressSpace::Loopback
    } else if address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
    {
        AddressSpace::Private
    } else {
        AddressSpace::Public
    }
}

fn of_v6(address: Ipv6Addr) -> AddressSpace {
    let segments = address.segments();
    // ::ffff:a.b.c.d, and 64:ff9b::a.b.c.d of translators, are the IPv4 address.
    if let [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return of_v4(Ipv4Addr::new(a, b, c, d));
    }
    if address.is_loopback() || address.is_unspecified() {
        AddressSpace::Loopback
    } else if segments[0] & 0xfe00 == 0xfc00 || segments[0] & 0xffc0 == 0xfe80 {
        AddressSpace::Private
    } else {
        AddressSpace::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Private Network Access, 2.1
    fn addresses_are_told_apart_however_they_are_written() {
        for (text, expected) in [
            ("127.0.0.1", AddressSpace::Loopback),
            ("0.0.0.0", AddressSpace::Loopback),
            ("::1", AddressSpace::Loopback),
            ("::", AddressSpace::Loopback),
            ("::ffff:127.0.0.1", AddressSpace::Loopback),
            ("10.1.2.3", AddressSpace::Private),
            ("172.31.0.1", AddressSpace::Private),
            ("192.168.1.1", AddressSpace::Private),
            ("169.254.169.254", AddressSpace::Private),
            ("100.64.0.1", AddressSpace::Private),
            ("fd00::1", AddressSpace::Private),
            ("fe80::1", AddressSpace::Private),
            ("::ffff:10.0.0.1", AddressSpace::Private),
            ("64:ff9b::a00:1", AddressSpace::Private),
            ("172.32.0.1", AddressSpace::Public),
            ("8.8.8.8", AddressSpace::Public),
            ("2001:db8::1", AddressSpace::Public),
        ] {
            assert_eq!(AddressSpace::of(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_site_reaches_its_own_space_and_less_private_ones() {
        let reach =
            |rule: &PrivateNetwork, origin: &str, url: &str| rule.reach(origin, &Url::parse(url).unwrap());
        let refuse = PrivateNetwork::Refuse;
        assert_eq!(reach(&refuse, "https://a.example", "https://b.example/"), AddressSpace::Public);
        assert_eq!(reach(&refuse, "https://a.example", "https://a.example/"), AddressSpace::Loopback);
        assert_eq!(reach(&refuse, "https://192.168.0.1", "https://b.example/"), AddressSpace::Private);
        assert_eq!(reach(&refuse, "http://127.0.0.1:80", "https://b.example/"), AddressSpace::Loopback);
        let some = PrivateNetwork::AllowFor(vec!["https://a.example".into()]);
        assert_eq!(reach(&some, "https://a.example", "https://b.example/"), AddressSpace::Loopback);
        assert_eq!(reach(&some, "https://c.example", "https://b.example/"), AddressSpace::Public);
        assert_eq!(
            reach(&PrivateNetwork::Allow, "https://c.example", "https://b.example/"),
            AddressSpace::Loopback
        );
    }
}
