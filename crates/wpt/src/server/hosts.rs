//! The names and ports of the server's origins.

/// The host that tests come from.
const HOST: &str = "web-platform.localhost";
/// A host of another site.
const OTHER_HOST: &str = "not-web-platform.localhost";
/// The subdomains that tests know, by the names that they use for them.
const SUBDOMAINS: [(&str, &str); 6] = [
    ("", ""),
    ("www", "www."),
    ("www1", "www1."),
    ("www2", "www2."),
    ("天気の良い日", "xn--n8j6ds53lwwkrqhv28a."),
    ("élève", "xn--lve-6lad."),
];
/// The subdomain that no name server knows.
const NONEXISTENT: &str = "nonexistent";

/// Two origins with HTTP and two with HTTPS, all of them on this machine.
///
/// Names below `.localhost` are loopback addresses to the runtime without a question to anybody, and trustworthy, so
/// service workers may have them without TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hosts {
    pub(crate) http: [u16; 2],
    pub(crate) https: [u16; 2],
}

impl Hosts {
    /// The origin of a test.
    pub(crate) fn origin(&self, is_secure: bool, subdomain: &str) -> String {
        let (scheme, port) = if is_secure { ("https", self.https[0]) } else { ("http", self.http[0]) };
        format!("{scheme}://{subdomain}{HOST}:{port}")
    }

    /// The host of an alias, empty or `alt`.
    pub(crate) fn host(alias: &str) -> Option<&'static str> {
        match alias {
            "" => Some(HOST),
            "alt" => Some(OTHER_HOST),
            _ => None,
        }
    }

    /// A subdomain of a host.
    pub(crate) fn domain(alias: &str, subdomain: &str) -> Option<String> {
        let host = Hosts::host(alias)?;
        if subdomain == NONEXISTENT {
            return Some(format!("{NONEXISTENT}.{host}"));
        }
        let labels = subdomain.split('.').map(|label| SUBDOMAINS.iter().find(|(name, _)| *name == label));
        let labels: Option<Vec<_>> = labels.collect();
        Some(format!("{}{host}", labels?.iter().map(|(_, label)| *label).collect::<String>()))
    }

    /// The port of a protocol; those of protocols that this server does not speak are ports that do.
    pub(crate) fn port(&self, protocol: &str, index: usize) -> Option<u16> {
        let ports = match protocol {
            "http" | "http-local" | "http-public" | "ws" => self.http,
            "https" | "https-local" | "https-public" | "wss" | "h2" => self.https,
            _ => return None,
        };
        ports.get(index).copied()
    }

    /// Whether a name stands for a host that does not exist.
    pub(crate) fn is_nonexistent(host: &str) -> bool {
        host.starts_with(NONEXISTENT)
    }

    /// The names that certificates must have.
    pub(crate) fn certificate_names() -> Vec<String> {
        let names = [HOST, OTHER_HOST].into_iter().flat_map(|host| [host.to_owned(), format!("*.{host}")]);
        names.chain(["localhost".to_owned(), "127.0.0.1".to_owned()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains_are_known_by_the_names_of_the_tests() {
        let domain = |alias, name| Hosts::domain(alias, name).unwrap_or_default();
        assert_eq!(domain("", ""), "web-platform.localhost");
        assert_eq!(domain("", "www1"), "www1.web-platform.localhost");
        assert_eq!(domain("", "www.www1"), "www.www1.web-platform.localhost");
        assert_eq!(domain("alt", "élève"), "xn--lve-6lad.not-web-platform.localhost");
        assert_eq!(domain("", "nonexistent"), "nonexistent.web-platform.localhost");
        assert_eq!(domain("", "other"), "");
        assert!(Hosts::is_nonexistent(&domain("", "nonexistent")));
    }
}
