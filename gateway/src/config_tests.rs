use clap::Parser;

use super::*;

const URL: &str = "--database-url=postgres://ucrm_gateway:hush@127.0.0.1:5432/ucrm";

fn config(arguments: &[&str]) -> Result<Config, String> {
    let arguments = std::iter::once("gateway").chain(arguments.iter().copied());
    Config::of(Options::try_parse_from(arguments).unwrap())
}

fn refusal(arguments: &[&str]) -> String {
    config(arguments).err().unwrap()
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = config(&[URL]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!((config.pool_size, config.body_limit), (8, 1_048_576));
    assert_eq!(config.request_timeout, Duration::from_secs(30));
    assert!(config.trusted_proxies.is_empty() && config.allowed_origins.is_empty());
    assert!(config.tls.is_none());
    assert!(config.jwks_ca_file.is_none() && config.jwks_networks.is_empty());
}

#[test]
fn networks_of_key_sets_are_named_one_by_one() {
    let good = config(&[URL, "--jwks-networks=127.0.0.0/8, 10.1.2.3"]).unwrap();
    assert_eq!(good.jwks_networks.len(), 2);
    for bad in ["private", "0.0.0.0/0", "::/0"] {
        let message = refusal(&[URL, &format!("--jwks-networks={bad}")]);
        assert!(message.contains("UCRM_JWKS_NETWORKS"), "{message}");
    }
}

#[test]
fn a_missing_or_broken_database_url_is_named_and_never_quoted() {
    assert!(refusal(&[]).contains("UCRM_DATABASE_URL is not set"));
    for url in [
        "--database-url=postgres://u:hush@h:port/d",
        "--database-url=user=u pass hush word=x",
        "--database-url=postgres://u:hush@h/d?sslmode=maybe",
        "--database-url=postgres://u:hush@h/d?sslrootcert=/hush",
        "--database-url=postgres://:hush@h/d",
    ] {
        let message = refusal(&[url]);
        assert!(message.contains("UCRM_DATABASE_URL"), "{url}");
        assert!(!message.contains("hush"), "{message}");
    }
}

#[test]
fn addresses_must_be_addresses_and_differ() {
    assert!(refusal(&[URL, "--listen=8080"]).contains("UCRM_LISTEN"));
    assert!(refusal(&[URL, "--admin-listen=127.0.0.1:8080"]).contains("UCRM_ADMIN_LISTEN"));
    let config = config(&[URL, "--listen=localhost:9000"]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:9000");
}

#[test]
fn proxies_and_origins_are_checked_one_by_one() {
    let good = config(&[
        URL,
        "--trusted-proxies=10.1.2.3/8, 192.0.2.1,,2001:db8::/32",
        "--allowed-origins=https://app.example, http://localhost:3000",
    ])
    .unwrap();
    assert_eq!(good.trusted_proxies[0].to_string(), "10.0.0.0/8");
    assert_eq!(
        (good.trusted_proxies.len(), good.allowed_origins.len()),
        (3, 2)
    );
    for bad in ["everyone", "0.0.0.0/0", "::/0", "10.0.0.0/40"] {
        let message = refusal(&[URL, &format!("--trusted-proxies={bad}")]);
        assert!(message.contains("UCRM_TRUSTED_PROXIES"), "{message}");
    }
    for bad in [
        "*",
        "null",
        "app.example",
        "https://app.example/",
        "https://*.example",
        "ftp://a",
    ] {
        let message = refusal(&[URL, &format!("--allowed-origins={bad}")]);
        assert!(message.contains("UCRM_ALLOWED_ORIGINS"), "{message}");
    }
}

#[test]
fn a_certificate_needs_its_key_and_empty_means_unset() {
    let message = refusal(&[URL, "--tls-cert-file=/a.pem"]);
    assert!(message.contains("UCRM_TLS_KEY_FILE"));
    let both = [URL, "--tls-cert-file=", "--tls-key-file="];
    assert!(config(&both).unwrap().tls.is_none());
}

#[test]
fn an_unchecked_database_elsewhere_is_noticed() {
    let trusts = |url: &str| {
        let url = format!("--database-url={url}");
        config(&[&url]).unwrap().trusts_the_network()
    };
    assert!(!trusts("postgres://u@127.0.0.1/d") && !trusts("host=/run/postgresql user=u"));
    assert!(trusts("postgres://u@db.example/d?sslmode=require"));
    assert!(!trusts("postgres://u@db.example/d?sslmode=verify-full"));
}
