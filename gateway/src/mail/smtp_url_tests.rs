use super::*;

#[test]
fn each_scheme_has_its_port_and_its_encryption() {
    for (url, host, port, tls) in [
        (
            "smtp://mail.example",
            "mail.example",
            587,
            Some(Begin::Starttls),
        ),
        (
            "smtp://mail.example:25",
            "mail.example",
            25,
            Some(Begin::Starttls),
        ),
        (
            "smtp://mail.example:2525/?tls=starttls",
            "mail.example",
            2525,
            Some(Begin::Starttls),
        ),
        (
            "smtp://mail.example?tls=required",
            "mail.example",
            587,
            Some(Begin::Starttls),
        ),
        (
            "smtp://mail.example:465",
            "mail.example",
            465,
            Some(Begin::Implicit),
        ),
        (
            "smtps://mail.example",
            "mail.example",
            465,
            Some(Begin::Implicit),
        ),
        (
            "smtps://mail.example:4465",
            "mail.example",
            4465,
            Some(Begin::Implicit),
        ),
        ("smtp://127.0.0.1?tls=none", "127.0.0.1", 25, None),
        ("smtp://[::1]:1025?tls=none", "::1", 1025, None),
    ] {
        let server = server(url).unwrap();
        assert_eq!(
            (&*server.host, server.port, server.tls),
            (host, port, tls),
            "{url}"
        );
        assert!(server.login.is_none());
    }
}

#[test]
fn name_and_password_are_decoded() {
    let server = server("smtp://ada%40acme.example:p%3Aw%2F%20%C3%A4@mail.example").unwrap();
    let (name, password) = server.login.unwrap();
    assert_eq!((&*name, password.expose()), ("ada@acme.example", "p:w/ ä"));
}

#[test]
fn nonsense_is_refused_and_never_quoted() {
    for url in [
        "",
        "mail.example:587",
        "http://u:hush@mail.example",
        "smtp://u:hush@",
        "smtp://u@mail.example",
        "smtp://:hush@mail.example",
        "smtp://u:hush@mail.example/path",
        "smtp://u:hush@mail.example#x",
        "smtp://u:hush@mail.example?tls=maybe",
        "smtp://u:hush@mail.example?ssl=1",
        "smtps://u:hush@mail.example?tls=none",
        "smtp://u:hush%0d%0aQUIT@mail.example",
        "smtp://u:hush%ff@mail.example",
        "smtp://u:hush@mail.example:99999",
    ] {
        let message = server(url).err().unwrap_or_else(|| panic!("{url}"));
        assert!(message.starts_with("UCRM_SMTP_URL"), "{message}");
        assert!(!message.contains("hush"), "{message}");
    }
}

#[test]
fn this_machine_is_known_by_its_names() {
    for here in ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"] {
        assert!(is_here(here), "{here}");
    }
    for there in [
        "mail.example",
        "10.0.0.1",
        "localhost.example",
        "2001:db8::1",
    ] {
        assert!(!is_here(there), "{there}");
    }
}
