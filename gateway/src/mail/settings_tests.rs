use clap::Parser;

use super::*;
use crate::options::Options;

const FROM: &str = "--mail-from=Example <no-reply@app.example>";
const URL: &str = "--public-url=https://app.example";
const SMTP: &str = "--smtp-url=smtp://u:hush@mail.example";

fn config(arguments: &[&str]) -> Result<MailConfig, String> {
    let arguments = std::iter::once("gateway").chain(arguments.iter().copied());
    let options = Options::try_parse_from(arguments).unwrap();
    MailConfig::of(options.mail, "127.0.0.1:8080".parse().unwrap(), false)
}

fn refusal(arguments: &[&str]) -> String {
    let message = config(arguments).err().unwrap();
    assert!(!message.contains("hush"), "{message}");
    message
}

#[test]
fn without_any_setting_mails_are_logged() {
    let config = config(&[]).unwrap();
    assert!(matches!(config.platform, Platform::Log));
    assert_eq!(
        (&*config.public_url, config.at_a_time),
        ("http://127.0.0.1:8080", 4)
    );
    assert_eq!(config.patience, Duration::from_secs(15));
    assert_eq!(config.resend_url.as_str(), "https://api.resend.com/");
    assert_eq!(config.from.to_string(), "UCRM <no-reply@localhost>");
    assert!(config.tenants_networks.is_empty() && !config.tells_its_password());
}

#[test]
fn what_really_sends_needs_a_sender_and_a_public_url() {
    assert!(refusal(&[SMTP, URL]).contains("UCRM_MAIL_FROM"));
    assert!(refusal(&[SMTP, FROM]).contains("UCRM_PUBLIC_URL"));
    assert!(refusal(&["--resend-api-key=re_hush", URL]).contains("UCRM_MAIL_FROM"));
    assert!(matches!(
        config(&[SMTP, FROM, URL]).unwrap().platform,
        Platform::Smtp(_)
    ));
    let resend = config(&["--resend-api-key=re_hush", FROM, URL]).unwrap();
    assert!(matches!(resend.platform, Platform::Resend(_)));
    assert!(matches!(
        config(&["--mail-dir=/tmp"]).unwrap().platform,
        Platform::Folder(_)
    ));
}

#[test]
fn the_ways_exclude_each_other_and_empty_means_unset() {
    for both in [
        [SMTP, "--resend-api-key=re_hush"],
        [SMTP, "--mail-dir=/tmp"],
        ["--resend-api-key=re_hush", "--mail-dir=/tmp"],
    ] {
        assert!(refusal(&[both[0], both[1], FROM, URL]).contains("set one of them"));
    }
    let unset = [
        "--smtp-url=",
        "--resend-api-key=",
        "--mail-dir=",
        "--mail-from=",
        "--mail-ca-file=",
    ];
    let config = config(&unset).unwrap();
    assert!(matches!(config.platform, Platform::Log) && config.ca_file.is_none());
}

#[test]
fn addresses_and_urls_are_checked() {
    for from in ["nobody", "a@b@c", "Evil\r\nBcc: x <a@b.example>"] {
        assert!(
            refusal(&[&format!("--mail-from={from}"), URL, SMTP]).contains("UCRM_MAIL_FROM"),
            "{from}"
        );
    }
    for url in [
        "app.example",
        "ftp://app.example",
        "https://u:hush@app.example",
        "https://app.example?x=1",
        "https://app.example#x",
        "https://",
    ] {
        assert!(
            refusal(&[&format!("--public-url={url}")]).contains("UCRM_PUBLIC_URL"),
            "{url}"
        );
    }
    let config = config(&["--public-url=https://App.example/crm/"]).unwrap();
    assert_eq!(config.public_url, "https://app.example/crm");
    for url in ["http://api.resend.com", "resend", "ftp://localhost"] {
        assert!(
            refusal(&[&format!("--resend-url={url}")]).contains("UCRM_RESEND_URL"),
            "{url}"
        );
    }
}

#[test]
fn links_lead_to_where_the_gateway_listens_unless_told_otherwise() {
    let local = |listen: &str, https| local_url(listen.parse().unwrap(), https);
    assert_eq!(local("127.0.0.1:8080", false), "http://127.0.0.1:8080");
    assert_eq!(local("0.0.0.0:443", true), "https://localhost:443");
    assert_eq!(local("[::]:80", false), "http://localhost:80");
}

#[test]
fn networks_of_tenants_servers_are_named_one_by_one() {
    let config = config(&["--mail-networks=10.1.2.3/16, 192.0.2.1"]).unwrap();
    assert_eq!(config.tenants_networks[0].to_string(), "10.1.0.0/16");
    assert_eq!(config.tenants_networks.len(), 2);
    for bad in ["everywhere", "0.0.0.0/0", "10.0.0.0/40"] {
        assert!(refusal(&[&format!("--mail-networks={bad}")]).contains("UCRM_MAIL_NETWORKS"));
    }
}

#[test]
fn a_password_in_clear_beyond_this_machine_is_noticed() {
    let tells = |url: &str| {
        config(&[&format!("--smtp-url={url}"), FROM, URL])
            .unwrap()
            .tells_its_password()
    };
    assert!(tells("smtp://u:p@mail.example?tls=none"));
    assert!(!tells("smtp://u:p@127.0.0.1?tls=none") && !tells("smtp://mail.example?tls=none"));
    assert!(!tells("smtp://u:p@mail.example"));
}
