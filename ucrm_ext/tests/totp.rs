//! Second factors: which code fits when, what an app is shown, what recovery codes look like.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../src/totp"]
mod totp {
    pub mod code;
    pub mod qr;
    pub mod recovery;
    pub mod uri;
}

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use ring::hmac;
use std::collections::HashSet;
use totp::{code, qr, recovery, uri};

/// The secret of RFC 6238, appendix B, and RFC 4226, appendix D.
const SECRET: &[u8] = b"12345678901234567890";

/// HOTP (RFC 4226, 5.3) with another library, to judge by.
fn expected(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn secret() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 16..64)
}

#[test]
fn the_codes_of_rfc_6238_fit() {
    for (now, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(code::step(SECRET, code, now, None), Some(now / 30), "{now}");
    }
}

#[test]
fn the_codes_of_rfc_4226_fit() {
    let codes = [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
        "520489",
    ];
    for (step, code) in (0..).zip(codes) {
        assert_eq!(code::step(SECRET, code, step * 30, None), Some(step));
    }
}

#[test]
fn a_code_that_fits_two_steps_is_used_up_by_one_use() {
    let first = (1..)
        .find(|&step| expected(SECRET, step) == expected(SECRET, step + 1))
        .unwrap();
    let code = expected(SECRET, first);
    let now = first * 30;
    assert_eq!(code::step(SECRET, &code, now, None), Some(first + 1));
    assert_eq!(code::step(SECRET, &code, now, Some(first)), Some(first + 1));
    assert_eq!(code::step(SECRET, &code, now, Some(first + 1)), None);
}

#[test]
fn spaces_in_a_code_do_not_count() {
    assert_eq!(code::step(SECRET, " 287 082 ", 59, None), Some(1));
    let padded = format!("287082{}", " ".repeat(1000));
    assert_eq!(code::step(SECRET, &padded, 59, None), None);
}

#[test]
fn a_short_secret_has_no_codes() {
    let secret = &SECRET[..15];
    assert_eq!(code::step(secret, &expected(secret, 1), 59, None), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_code_fits_its_own_step_and_the_ones_beside_it(secret in secret(), now in 90..1_u64 << 40, away in 0..7_u64) {
        let step = now / 30 + away - 3;
        let code = expected(&secret, step);
        let near = (2..=4).contains(&away);
        let by_chance = (now / 30 - 1..=now / 30 + 1).any(|other| other != step && expected(&secret, other) == code);
        prop_assume!(!by_chance);
        prop_assert_eq!(code::step(&secret, &code, now, None), near.then_some(step));
    }

    #[test]
    fn a_used_step_and_those_before_it_are_never_accepted(secret in secret(), now in 90..1_u64 << 40, used in 0..7_u64) {
        let used = now / 30 + used - 3;
        for step in now / 30 - 1..=now / 30 + 1 {
            if let Some(fits) = code::step(&secret, &expected(&secret, step), now, Some(used)) {
                prop_assert!(fits > used);
            }
        }
    }

    #[test]
    fn nothing_but_six_digits_fits(secret in secret(), code in "\\PC{0,40}", now in 90..1_u64 << 40) {
        let digits: String = code.split_whitespace().collect();
        prop_assume!(digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_digit()));
        prop_assert_eq!(code::step(&secret, &code, now, None), None);
    }

    #[test]
    fn a_code_with_one_digit_changed_does_not_fit(secret in secret(), now in 90..1_u64 << 40, at in 0..6_usize, by in 1..10_u8) {
        let mut code = expected(&secret, now / 30).into_bytes();
        code[at] = b'0' + (code[at] - b'0' + by) % 10;
        let code = String::from_utf8(code).unwrap();
        prop_assume!((now / 30 - 1..=now / 30 + 1).all(|step| expected(&secret, step) != code));
        prop_assert_eq!(code::step(&secret, &code, now, None), None);
    }

    #[test]
    fn an_app_reads_back_what_the_uri_was_made_of(secret in secret(), account in "\\PC{1,60}", issuer in "\\PC{1,30}") {
        let uri = uri::uri(&secret, &account, &issuer);
        prop_assert!(uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?&=%".contains(&byte)));
        let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
        let (left, right) = label.split_once(':').unwrap();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        prop_assert_eq!(decoded(left), issuer.replace(':', " "));
        prop_assert_eq!(decoded(right), account.replace(':', " "));
        let parameters: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let secret = uri::base32(&secret);
        prop_assert_eq!(parameters, [
            ("secret", secret.as_str()),
            ("issuer", left),
            ("algorithm", "SHA1"),
            ("digits", "6"),
            ("period", "30"),
        ]);
    }

    #[test]
    fn recovery_codes_are_ten_of_ten_letters_that_nobody_confuses(random in prop::collection::vec(any::<u8>(), 70)) {
        let codes = recovery::codes(&random.try_into().unwrap());
        prop_assert_eq!(codes.len(), 10);
        for code in codes {
            let (left, right) = code.split_once('-').unwrap();
            prop_assert_eq!((left.len(), right.len()), (5, 5));
            for letter in code.chars().filter(|&letter| letter != '-') {
                prop_assert!(letter.is_ascii_lowercase() || letter.is_ascii_digit());
                prop_assert!(!"ilou".contains(letter));
            }
        }
    }

    #[test]
    fn fifty_bits_make_a_recovery_code(number in 0..1_u64 << 50, bit in 0..50_u32) {
        let code = |number: u64| {
            let mut random = [0; 70];
            random[..7].copy_from_slice(&number.to_be_bytes()[1..]);
            recovery::codes(&random).swap_remove(0)
        };
        prop_assert_ne!(code(number), code(number ^ 1 << bit));
    }
}

#[test]
fn a_known_recovery_code_is_made() {
    let mut random = [0xff; 70];
    // Five bits a letter, of the values 0 to 9.
    random[7..14].copy_from_slice(&0x0000_0110_c853_1d09_u64.to_be_bytes()[1..]);
    let codes = recovery::codes(&random);
    assert_eq!(codes[0], "zzzzz-zzzzz");
    assert_eq!(codes[1], "01234-56789");
}

#[test]
fn base32_is_that_of_the_rfc_without_padding() {
    // RFC 4648, section 10.
    for (clear, text) in [
        ("", ""),
        ("f", "MY"),
        ("fo", "MZXQ"),
        ("foo", "MZXW6"),
        ("foob", "MZXW6YQ"),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ] {
        assert_eq!(uri::base32(clear.as_bytes()), text);
    }
}

#[test]
fn a_known_uri_is_made() {
    assert_eq!(
        uri::uri(SECRET, "ada+1@acme.example", "Acme & Söhne: CRM"),
        "otpauth://totp/Acme%20%26%20S%C3%B6hne%20%20CRM:ada%2B1%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20S%C3%B6hne%20%20CRM&algorithm=SHA1&digits=6&period=30"
    );
}

/// The dark squares of a picture, as (left, top) in modules, and its width in modules.
fn squares(image: &str) -> (HashSet<(usize, usize)>, usize) {
    let number = |text: &str| text.parse::<usize>().unwrap();
    let size = image.split("viewBox=\"0 0 ").nth(1).unwrap();
    let width = number(size.split(' ').next().unwrap()) / 4;
    let path = image.split(" d=\"").nth(1).unwrap();
    let path = path.split('"').next().unwrap();
    let squares = path
        .split('M')
        .skip(1)
        .map(|square| {
            let (left, rest) = square.split_once(' ').unwrap();
            let (top, drawn) = rest.split_once('h').unwrap();
            assert_eq!(drawn, format!("4v4H{left}V{top}"));
            (number(left) / 4, number(top) / 4)
        })
        .collect();
    (squares, width)
}

fn scanned(image: &str) -> String {
    const SCALE: usize = 3;
    let (squares, width) = squares(image);
    let mut picture =
        rqrr::PreparedImage::prepare_from_bitmap(width * SCALE, width * SCALE, |x, y| {
            squares.contains(&(x / SCALE, y / SCALE))
        });
    picture.detect_grids()[0].decode().unwrap().1
}

#[test]
fn a_camera_reads_the_uri_out_of_the_picture() {
    for account in ["a@b", "ada@acme.example", &"x".repeat(250)] {
        let uri = uri::uri(SECRET, account, "UCRM");
        assert_eq!(scanned(&qr::svg(&uri).unwrap()), uri);
    }
}

#[test]
fn the_picture_has_a_quiet_zone_and_nothing_that_runs() {
    let image = qr::svg("<script>alert(1)</script>").unwrap();
    assert!(image.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(image.ends_with("</svg>"));
    for word in ["script", "alert", "href", "<?xml", "<!", "on", "style"] {
        assert!(
            !image.replace("version", "").contains(word),
            "{word} in {image}"
        );
    }
    let (squares, width) = squares(&image);
    assert!(
        squares
            .iter()
            .all(|&(left, top)| [left, top].iter().all(|&at| at >= 4 && at < width - 4))
    );
    assert!(squares.contains(&(4, 4)));
}

#[test]
fn a_text_too_long_has_no_picture() {
    assert!(qr::svg(&"x".repeat(2331)).is_some());
    assert!(qr::svg(&"x".repeat(2332)).is_none());
}
