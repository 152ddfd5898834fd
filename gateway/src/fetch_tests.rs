use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A certificate for localhost and 127.0.0.1, and its key, made for this run.
fn certificate() -> &'static (PathBuf, PathBuf) {
    static MADE: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("ucrm-fetch-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext".split(' '))
            .arg("subjectAltName=DNS:localhost,IP:127.0.0.1")
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        (certificate, key)
    })
}

/// A server that answers every request with these bytes; how often it was connected to.
async fn serve(answer: impl Into<Vec<u8>>) -> (u16, Arc<AtomicUsize>) {
    let (certificate, key) = certificate();
    let tls = crate::certificate::acceptor(certificate, key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visits = Arc::new(AtomicUsize::new(0));
    let (answer, counted) = (answer.into(), visits.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let (tls, answer) = (tls.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = tls.accept(stream).await else {
                    return;
                };
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (port, visits)
}

fn fetcher(private: bool) -> Fetcher {
    let networks: Vec<IpNet> = match private {
        true => vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        false => vec![],
    };
    Fetcher::new(Some(&certificate().0), &networks).unwrap()
}

fn answer(head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_key_set_is_fetched_with_its_age() {
    let set = r#"{"keys": []}"#;
    for (head, age) in [
        ("200 OK", None),
        ("200 OK\r\ncache-control: public, max-age=900", Some(900)),
        ("200 OK\r\ncache-control: Max-Age=\"60\"", Some(60)),
        ("200 OK\r\ncache-control: max-age=soon", None),
        ("200 OK\r\ncache-control: max-age=99999999999", None),
        ("200 OK\r\ncache-control: no-store, max-age=900", Some(0)),
    ] {
        let (port, _) = serve(answer(head, set)).await;
        for host in ["localhost", "127.0.0.1"] {
            let fetched = fetcher(true)
                .get(&format!("https://{host}:{port}/a/jwks?b=c"))
                .await;
            let wanted = Fetched {
                text: set.to_owned(),
                max_age: age,
            };
            assert_eq!(fetched, Ok(wanted), "{head}");
        }
    }
}

#[tokio::test]
async fn what_is_not_200_is_refused_and_no_redirect_followed() {
    let (elsewhere, visits) = serve(answer("200 OK", "{}")).await;
    for status in [201, 204, 301, 302, 303, 307, 308, 400, 404, 500, 503] {
        let head = format!("{status} x\r\nlocation: https://localhost:{elsewhere}/");
        let (port, _) = serve(answer(&head, "")).await;
        let fetched = fetcher(true)
            .get(&format!("https://localhost:{port}/"))
            .await;
        assert_eq!(fetched, Err(FetchFault::Status(status)));
    }
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_answer_has_at_most_256_kib() {
    let most = "x".repeat(MOST);
    let (port, _) = serve(answer("200 OK", &most)).await;
    let fetched = fetcher(true)
        .get(&format!("https://localhost:{port}/"))
        .await;
    assert_eq!(fetched.unwrap().text.len(), MOST);
    for more in [
        answer("200 OK", &format!("{most}x")),
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{most}x"),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{most}x\r\n0\r\n\r\n",
            MOST + 1
        ),
    ] {
        let (port, _) = serve(more).await;
        let fetched = fetcher(true)
            .get(&format!("https://localhost:{port}/"))
            .await;
        assert_eq!(fetched, Err(FetchFault::Long));
    }
}

#[tokio::test]
async fn what_is_cut_off_or_not_text_is_refused() {
    for (bytes, fault) in [
        (
            &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}"[..],
            FetchFault::Http,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-le", FetchFault::Http),
        (b"SSH-2.0-OpenSSH\r\n", FetchFault::Http),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\xff",
            FetchFault::Text,
        ),
    ] {
        let (port, _) = serve(bytes).await;
        let fetched = fetcher(true)
            .get(&format!("https://localhost:{port}/"))
            .await;
        assert_eq!(fetched, Err(fault));
    }
}

#[tokio::test]
async fn a_private_address_is_not_connected_to() {
    let (port, visits) = serve(answer("200 OK", "{}")).await;
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
        "0.0.0.0",
        "[::]",
        "[64:ff9b::7f00:1]",
    ] {
        let fetched = fetcher(false).get(&format!("https://{host}:{port}/")).await;
        assert_eq!(fetched, Err(FetchFault::Private), "{host}");
    }
    // Spellings that the resolver takes for 127.0.0.1.
    for host in ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"] {
        let fetched = fetcher(false).get(&format!("https://{host}:{port}/")).await;
        let refused = matches!(
            fetched,
            Err(FetchFault::Private | FetchFault::Name | FetchFault::Url)
        );
        assert!(refused, "{host}: {fetched:?}");
    }
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn only_https_urls_are_fetched() {
    let (port, visits) = serve(answer("200 OK", "{}")).await;
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("ftp://127.0.0.1:{port}/"),
        format!("https://user:word@127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        "/jwks".to_owned(),
        "https://".to_owned(),
        "https://a b/".to_owned(),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ] {
        assert_eq!(fetcher(true).get(&url).await, Err(FetchFault::Url), "{url}");
    }
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused() {
    let (port, _) = serve(answer("200 OK", "{}")).await;
    let strangers = Fetcher::new(
        None,
        &["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
    )
    .unwrap();
    let fetched = strangers.get(&format!("https://localhost:{port}/")).await;
    assert!(
        matches!(fetched, Err(FetchFault::Tls | FetchFault::NoRoots)),
        "{fetched:?}"
    );
    // The certificate is for localhost and 127.0.0.1.
    let fetched = fetcher(true)
        .get(&format!("https://127.0.0.2:{port}/"))
        .await;
    assert!(
        matches!(fetched, Err(FetchFault::Tls | FetchFault::Unreachable)),
        "{fetched:?}"
    );
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").await;
        }
    });
    let fetched = fetcher(true)
        .get(&format!("https://localhost:{port}/"))
        .await;
    assert_eq!(fetched, Err(FetchFault::Tls), "plain HTTP");
}

#[tokio::test]
async fn who_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let fetched = fetcher(true)
        .get(&format!("https://127.0.0.1:{port}/"))
        .await;
    assert_eq!(fetched, Err(FetchFault::Unreachable));
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let (port, visits) = serve("").await;
    let fetcher = fetcher(true);
    let url = format!("https://localhost:{port}/");
    let waiting = tokio::spawn(async move { fetcher.get(&url).await });
    while visits.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    // From here on the clock stands, and runs ahead to the limit when nobody has anything to do.
    tokio::time::pause();
    assert_eq!(waiting.await.unwrap(), Err(FetchFault::Slow));
}

#[test]
fn a_file_without_certificates_is_refused() {
    let refused = Fetcher::new(Some(Path::new("/nowhere/ca.pem")), &[])
        .err()
        .unwrap();
    assert!(refused.contains("/nowhere/ca.pem"));
    let key = &certificate().1;
    assert!(
        Fetcher::new(Some(key), &[])
            .err()
            .unwrap()
            .contains("no certificate")
    );
}
