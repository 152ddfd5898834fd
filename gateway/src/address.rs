//! Whose address a request counts under.
//! Must never believe a header that an untrusted peer wrote.
//! Called by request with the peer's address and the configured proxies.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderName;
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The networks whose word on `X-Forwarded-For` counts; empty by default.
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    /// The peer, or behind trusted proxies the rightmost address that is not one of them.
    /// Where the chain stops making sense, the last address that did counts.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.0.is_empty() {
            return client;
        }
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trusts(client) {
            match hops.next().map(hop) {
                Some(Some(address)) => client = address,
                Some(None) | None => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

// Plain, with a port, or in brackets: proxies write all of these.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .or_else(|_| text.parse().map(|address: SocketAddr| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
        .ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let nets = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        TrustedProxies(nets)
            .client(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn an_untrusted_peer_is_not_believed() {
        assert_eq!(client(&[], "192.0.2.1", &["10.9.9.9"]), "192.0.2.1");
        assert_eq!(
            client(&["10.0.0.0/8"], "192.0.2.1", &["10.9.9.9"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_rightmost_untrusted_address_counts_over_several_lines() {
        let trusted = ["10.0.0.0/8"];
        let lines = ["198.51.100.7, 203.0.113.9", "10.0.0.2,10.0.0.3"];
        assert_eq!(client(&trusted, "10.0.0.1", &lines), "203.0.113.9");
        assert_eq!(client(&trusted, "10.0.0.1", &["10.0.0.4"]), "10.0.0.4");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_normalised() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(
            client(&trusted, "::ffff:10.0.0.1", &["203.0.113.9:4711"]),
            "203.0.113.9"
        );
        assert_eq!(
            client(&trusted, "10.0.0.1", &["[2001:db8::1]:443"]),
            "2001:db8::1"
        );
        assert_eq!(
            client(&trusted, "10.0.0.1", &["::ffff:203.0.113.9"]),
            "203.0.113.9"
        );
        assert_eq!(client(&[], "::ffff:203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn nonsense_in_the_chain_ends_it() {
        assert_eq!(
            client(&["10.0.0.0/8"], "10.0.0.1", &["203.0.113.9, unknown"]),
            "10.0.0.1"
        );
    }

    proptest! {
        #[test]
        fn no_header_breaks_it_and_no_untrusted_peer_is_replaced(line in "[ -~]{0,80}") {
            let lines = [line.as_str()];
            prop_assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &lines), "192.0.2.1");
            client(&["0.0.0.0/1", "128.0.0.0/1"], "192.0.2.1", &lines);
        }
    }
}
