//! What the network interfaces say about the connection.

use if_addrs::Interface;
use std::net::IpAddr;
use std::path::Path;
use wakeworker_core::Connection;

/// The addresses through which other machines may be reached, and the kind of connection that they make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// Unknown kind if the system does not tell (R53).
    pub(super) connection: Connection,
    addresses: Vec<(String, IpAddr)>,
}

impl Interfaces {
    /// Asks the system. If it does not answer, there may well be a connection: unknown counts as online (R53).
    pub(super) fn read() -> Interfaces {
        match if_addrs::get_if_addrs() {
            Ok(interfaces) => Interfaces::of(&interfaces, Path::new("/sys/class/net")),
            Err(_) => Interfaces { connection: Connection::Unknown, addresses: Vec::new() },
        }
    }

    /// `sysfs` is where Linux describes its interfaces; what is not found there is of unknown kind.
    fn of(interfaces: &[Interface], sysfs: &Path) -> Interfaces {
        let mut connection = Connection::None;
        let mut addresses = Vec::new();
        for interface in interfaces {
            if interface.is_loopback() || interface.is_link_local() || !interface.is_oper_up() {
                continue;
            }
            let device = sysfs.join(&interface.name);
            if is_internal_bridge(&device) {
                continue;
            }
            addresses.push((interface.name.clone(), interface.ip()));
            let kind = kind(&interface.name, &device);
            if rank(kind) > rank(connection) {
                connection = kind;
            }
        }
        addresses.sort();
        Interfaces { connection, addresses }
    }
}

/// Container and virtual machine hosts have bridges with addresses that lead to no other machine. A bridge leads
/// outside if one of its ports is a device.
fn is_internal_bridge(device: &Path) -> bool {
    if !device.join("bridge").exists() {
        return false;
    }
    let ports = std::fs::read_dir(device.join("brif"));
    let leads_outside = ports.is_ok_and(|ports| {
        ports.flatten().any(|port| {
            device.parent().is_some_and(|devices| devices.join(port.file_name()).join("device").exists())
        })
    });
    !leads_outside
}

fn kind(name: &str, device: &Path) -> Connection {
    if device.join("wireless").exists() || device.join("phy80211").exists() {
        Connection::Wifi
    } else if name.starts_with("wwan") || name.starts_with("rmnet") {
        Connection::Cellular
    } else if device.join("device").exists() {
        Connection::Ethernet
    } else {
        Connection::Unknown
    }
}

/// With several connections at once the one that systems prefer decides.
fn rank(connection: Connection) -> u8 {
    match connection {
        Connection::None => 0,
        Connection::Cellular => 2,
        Connection::Wifi => 3,
        Connection::Ethernet => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};
    use std::fs::create_dir_all;

    fn interface(name: &str, ip: &str, up: bool) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => IfAddr::V4(Ifv4Addr {
                ip,
                netmask: [255, 255, 255, 0].into(),
                prefixlen: 24,
                broadcast: None,
            }),
            IpAddr::V6(ip) => IfAddr::V6(Ifv6Addr { ip, netmask: ip, prefixlen: 64, broadcast: None }),
        };
        let oper_status = if up { IfOperStatus::Up } else { IfOperStatus::Down };
        Interface { name: name.to_owned(), addr, index: None, oper_status, is_p2p: false }
    }

    fn connection(interfaces: &[Interface], sysfs: &Path) -> Connection {
        Interfaces::of(interfaces, sysfs).connection
    }

    #[test] // R53
    fn only_addresses_that_lead_to_other_machines_count() {
        let nowhere = Path::new("/nonexistent");
        assert_eq!(connection(&[], nowhere), Connection::None);
        for (ip, up, expected) in [
            ("127.0.0.1", true, Connection::None),
            ("::1", true, Connection::None),
            ("169.254.7.7", true, Connection::None),
            ("fe80::1", true, Connection::None),
            ("192.0.2.2", false, Connection::None),
            ("192.0.2.2", true, Connection::Unknown),
            ("fd00::2", true, Connection::Unknown),
        ] {
            assert_eq!(connection(&[interface("net7", ip, up)], nowhere), expected, "{ip}, up: {up}");
        }
    }

    #[test] // R56
    fn the_preferred_connection_of_several_gives_the_kind() {
        let sysfs = tempfile::tempdir().unwrap();
        create_dir_all(sysfs.path().join("eth0/device")).unwrap();
        create_dir_all(sysfs.path().join("wlan0/wireless")).unwrap();
        create_dir_all(sysfs.path().join("wlan0/device")).unwrap();
        let all = ["tun0", "wwan0", "wlan0", "eth0"].map(|name| interface(name, "192.0.2.2", true));
        let kinds = [Connection::Unknown, Connection::Cellular, Connection::Wifi, Connection::Ethernet];
        for (count, expected) in (1..).zip(kinds) {
            assert_eq!(connection(&all[..count], sysfs.path()), expected);
        }
    }

    #[test]
    fn a_bridge_counts_only_with_a_device_behind_it() {
        let sysfs = tempfile::tempdir().unwrap();
        create_dir_all(sysfs.path().join("br0/bridge")).unwrap();
        create_dir_all(sysfs.path().join("br0/brif/veth1")).unwrap();
        create_dir_all(sysfs.path().join("veth1")).unwrap();
        let bridge = [interface("br0", "172.17.0.1", true)];
        assert_eq!(connection(&bridge, sysfs.path()), Connection::None);
        create_dir_all(sysfs.path().join("br0/brif/eth0")).unwrap();
        create_dir_all(sysfs.path().join("eth0/device")).unwrap();
        assert_eq!(connection(&bridge, sysfs.path()), Connection::Unknown);
    }

    #[test]
    fn another_address_is_another_network_and_the_order_does_not_matter() {
        let sysfs = Path::new("/nonexistent");
        let (a, b) = (interface("net7", "192.0.2.2", true), interface("net8", "192.0.2.3", true));
        let both = Interfaces::of(&[a.clone(), b.clone()], sysfs);
        assert_eq!(both, Interfaces::of(&[b, a.clone()], sysfs));
        assert_ne!(both, Interfaces::of(&[a], sysfs));
    }
}
