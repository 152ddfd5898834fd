//! Where a tenant may make the gateway connect to: the internet, and not what is behind the gateway's back.
//! Must never be asked about a name alone: what is connected to are the addresses that were looked at here.
//! Called by mail's SMTP transport for tenants' own servers, by fetch and by webhook. The database refuses at once what
//! can never be right, by the same networks: `ucrm.is_public_address`.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// For one of several addresses.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

// IANA's special-purpose registries (RFC 6890 and what updates it), multicast, reserved space, and the one public address
// behind which a cloud's platform sits (Azure).
const NOT_PUBLIC: [&str; 16] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];
// Of IPv6 only global unicast is public, without what tunnels to IPv4 or is for documents.
const UNICAST: &str = "2000::/3";
const NOT_PUBLIC_UNICAST: [&str; 4] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// Why nothing is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name has no address.
    #[error("the server's name has no address")]
    Unknown,
    /// One of its addresses is not on the internet.
    #[error("the server's address is not a public one")]
    NotPublic,
    /// Nobody answers at any of them.
    #[error("the server cannot be reached")]
    Unreachable,
}

/// True for an address on the internet. One that an IPv4 address is mapped into counts as that.
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let within = |net: &&str| net.parse::<IpNet>().is_ok_and(|net| net.contains(&address));
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC.iter().any(within),
        IpAddr::V6(_) => within(&UNICAST) && !NOT_PUBLIC_UNICAST.iter().any(within),
    }
}

/// What to connect to for a host that a tenant named; a literal address is looked at like any other.
/// In `allowed` networks the operator has servers for tenants.
///
/// # Errors
/// Refused where a single one of the addresses is: which one is tried is up to chance.
pub async fn addresses_of(
    host: &str,
    port: u16,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, Refused> {
    permitted(resolve(host, port).await, allowed)
}

/// A connection to a host that a tenant named. It is resolved once: nobody can answer differently the second time.
///
/// # Errors
/// As `addresses_of`, or where nobody answers.
pub async fn connect(host: &str, port: u16, allowed: &[IpNet]) -> Result<TcpStream, Refused> {
    connect_by(|| resolve(host, port), allowed).await
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

// Taken by value, a resolver cannot be asked again.
async fn connect_by<R>(resolve: impl FnOnce() -> R, allowed: &[IpNet]) -> Result<TcpStream, Refused>
where
    R: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    for address in permitted(resolve().await, allowed)? {
        if let Ok(Ok(stream)) = timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    Err(Refused::Unreachable)
}

fn permitted(
    found: io::Result<Vec<SocketAddr>>,
    allowed: &[IpNet],
) -> Result<Vec<SocketAddr>, Refused> {
    let found = found.map_err(|_| Refused::Unknown)?;
    if found.is_empty() {
        return Err(Refused::Unknown);
    }
    let may = |address: &SocketAddr| is_public(address.ip()) || is_in(address.ip(), allowed);
    match found.iter().all(may) {
        true => Ok(found),
        false => Err(Refused::NotPublic),
    }
}

/// True for an address in one of these networks.
pub fn is_in(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_network_in_the_tables_is_one() {
        for net in NOT_PUBLIC
            .iter()
            .chain(&NOT_PUBLIC_UNICAST)
            .chain([&UNICAST])
        {
            assert_eq!(net.parse::<IpNet>().unwrap().trunc().to_string(), **net);
        }
    }

    #[test]
    fn the_internet_is_public_and_nothing_else_is() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.192",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[tokio::test]
    async fn literal_addresses_are_looked_at_too() {
        for literal in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"] {
            assert_eq!(
                addresses_of(literal, 25, &[]).await,
                Err(Refused::NotPublic),
                "{literal}"
            );
        }
        // What only resolvers take for an address counts as what it resolves to.
        for odd in [
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "0",
            "10.1",
            "0xa9fea9fe",
            "localhost.",
        ] {
            assert!(addresses_of(odd, 25, &[]).await.is_err(), "{odd}");
        }
        assert_eq!(addresses_of("8.8.8.8", 25, &[]).await.unwrap().len(), 1);
        assert_eq!(addresses_of("", 25, &[]).await, Err(Refused::Unknown));
    }

    #[tokio::test]
    async fn a_name_is_as_good_as_what_it_resolves_to() {
        assert_eq!(
            addresses_of("localhost", 25, &[]).await,
            Err(Refused::NotPublic)
        );
        let allowed = ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        assert!(addresses_of("localhost", 25, &allowed).await.is_ok());
        assert!(addresses_of("10.0.0.1", 25, &allowed).await.is_err());
    }

    #[tokio::test]
    async fn a_resolver_that_changes_its_answer_is_asked_once_and_what_it_said_then_counts() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let public: SocketAddr = "8.8.8.8:443".parse().unwrap();
        let local: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
        // Each time it is asked it says something else: public, private, both.
        for said in [vec![here], vec![public, here], vec![here, public]] {
            let refused = connect_by(|| async { Ok(said.clone()) }, &[]).await;
            assert_eq!(refused.unwrap_err(), Refused::NotPublic, "{said:?}");
        }
        let connected = connect_by(|| async { Ok(vec![here]) }, &local).await;
        assert_eq!(connected.unwrap().peer_addr().unwrap(), here);
        for said in [Ok(Vec::new()), Err(io::Error::other("no such name"))] {
            let refused = connect_by(|| async { said }, &local).await;
            assert_eq!(refused.unwrap_err(), Refused::Unknown);
        }
        drop(listener);
        let refused = connect_by(|| async { Ok(vec![here]) }, &local).await;
        assert_eq!(refused.unwrap_err(), Refused::Unreachable);
    }

    proptest! {
        #[test]
        fn what_is_mapped_into_ipv6_counts_as_what_it_is(bits: u32) {
            let plain = Ipv4Addr::from(bits);
            let mapped: Ipv6Addr = plain.to_ipv6_mapped();
            prop_assert_eq!(is_public(plain.into()), is_public(mapped.into()));
        }
    }
}
