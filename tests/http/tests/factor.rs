//! A second factor: enrolled, wanted at sign-in, used once, lost and found by a recovery code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use serde_json::{Value, json};
use ucrm_http_tests::database;
use ucrm_http_tests::gateway::{Gateway, fresh_address};
use ucrm_http_tests::person::Person;

const LOGIN: &str = "/api/v1/auth/login";
const TOTP: &str = "/api/v1/auth/totp";
const CONFIRM: &str = "/api/v1/auth/totp/confirm";
const SESSIONS: &str = "/api/v1/auth/sessions";

/// An authenticator app: what it was told, and the codes it shows (RFC 6238).
struct App {
    secret: Vec<u8>,
    recovery_codes: Vec<String>,
}

impl App {
    /// Enrolled, and not yet confirmed.
    fn enrolled(reply: &Value) -> App {
        let text = reply["secret"].as_str().unwrap();
        let (mut secret, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
        for letter in text.bytes() {
            let digit = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                .iter()
                .position(|known| *known == letter);
            held = held << 5 | u32::try_from(digit.unwrap()).unwrap();
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                secret.push((held >> bits) as u8);
                held &= (1 << bits) - 1;
            }
        }
        App {
            secret,
            recovery_codes: Vec::new(),
        }
    }

    /// Enrolled and confirmed.
    fn enabled(person: &Person) -> App {
        let mut app = App::enrolled(&person.post(TOTP, &json!({"label": "phone"})).data(201));
        let confirmed = person
            .post(CONFIRM, &json!({"code": app.code(0)}))
            .data(200);
        let codes = confirmed["recovery_codes"].as_array().unwrap();
        app.recovery_codes = codes
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect();
        app
    }

    /// The code of the step that is so many from now.
    fn code(&self, away: i64) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs() as i64;
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = sign(&key, &(now / 30 + away).to_be_bytes());
        let at = usize::from(tag.as_ref()[19] & 15);
        let word: [u8; 4] = tag.as_ref()[at..at + 4].try_into().unwrap();
        format!(
            "{:06}",
            (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000
        )
    }
}

fn login(person: &Person, extra: Value) -> Value {
    let mut body = json!({"email": person.email, "password": person.password});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    body
}

#[test]
fn an_app_is_enrolled_confirmed_and_then_wanted() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let elsewhere = person.elsewhere(&gateway);
    elsewhere.sign_in().is(200);
    assert_eq!(person.get(TOTP).data(200)["enabled"], false);
    let enrolled = person.post(TOTP, &json!({"label": "phone"})).data(201);
    let app = App::enrolled(&enrolled);
    let uri = enrolled["uri"].as_str().unwrap();
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(enrolled["secret"].as_str().unwrap())
    );
    assert!(enrolled["qr_svg"].as_str().unwrap().contains("<svg"));
    person
        .post(CONFIRM, &json!({"code": "000000x"}))
        .refused_fields(422, "validation_failed", &["code"]);
    let before = person.cookie();
    let confirmed = person
        .post(CONFIRM, &json!({"code": app.code(0)}))
        .data(200);
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);
    assert_ne!(person.cookie(), before, "a new secret with the new right");
    person.get(SESSIONS).is(200);
    elsewhere
        .send("GET", SESSIONS, None)
        .refused(401, "unauthenticated");
    person.sign_in().refused(401, "totp_required");
    person
        .post(
            LOGIN,
            &json!({"email": person.email, "password": "not what it is"}),
        )
        .refused(401, "invalid_credentials");
    // The code that confirmed is used up; the next one is good, once.
    let next = app.code(1);
    person
        .post(LOGIN, &login(&person, json!({"totp": next})))
        .is(200);
    person
        .post(LOGIN, &login(&person, json!({"totp": next})))
        .refused(401, "invalid_credentials");
}

#[test]
fn a_recovery_code_signs_in_once_however_it_is_typed() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let codes = App::enabled(&person).recovery_codes;
    let typed = codes[0].to_uppercase().replace('-', " ");
    person
        .post(LOGIN, &login(&person, json!({"recovery_code": typed})))
        .is(200);
    person
        .post(LOGIN, &login(&person, json!({"recovery_code": codes[0]})))
        .refused(401, "invalid_credentials");
    assert_eq!(person.get(TOTP).data(200)["recovery_codes_left"], 9);
    let renewed = person
        .post("/api/v1/auth/recovery-codes", &json!({}))
        .data(200);
    person
        .post(LOGIN, &login(&person, json!({"recovery_code": codes[1]})))
        .refused(401, "invalid_credentials");
    person
        .post(
            LOGIN,
            &login(
                &person,
                json!({"recovery_code": renewed["recovery_codes"][1]}),
            ),
        )
        .is(200);
}

#[test]
fn one_code_at_many_doors_opens_one() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let app = App::enabled(&person);
    let body = login(&person, json!({"totp": app.code(1)}));
    let opened = thread::scope(|scope| {
        let doors: Vec<_> = (0..8)
            .map(|_| {
                let client = gateway.from(&fresh_address());
                let body = &body;
                scope.spawn(move || client.post(LOGIN, body).status)
            })
            .collect();
        let statuses: Vec<u16> = doors.into_iter().map(|door| door.join().unwrap()).collect();
        assert!(
            statuses.iter().all(|status| matches!(status, 200 | 401)),
            "{statuses:?}"
        );
        statuses.iter().filter(|status| **status == 200).count()
    });
    assert_eq!(opened, 1);
}

#[test]
fn ten_wrong_codes_and_the_password_alone_counts_elsewhere() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let codes = App::enabled(&person).recovery_codes;
    let wrong = login(&person, json!({"recovery_code": "00000-00000"}));
    for _ in 0..10 {
        person
            .post(LOGIN, &wrong)
            .refused(401, "invalid_credentials");
    }
    let reply = person.post(LOGIN, &login(&person, json!({"recovery_code": codes[0]})));
    reply.refused(429, "rate_limited");
    let policy = reply.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"totp\""), "{policy}");
    // The password was right each time, and did not count.
    person.sign_in().refused(401, "totp_required");
}

#[test]
fn who_has_a_factor_steps_up_with_it_and_takes_it_away_with_it() {
    let gateway = Gateway::behind_proxy();
    let person = Person::signed_in(&gateway);
    let codes = App::enabled(&person).recovery_codes;
    database::execute(
        &mut database::admin(),
        "update ucrm.sessions set fresh_until = clock_timestamp() where user_id = $1",
        &[&person.id()],
    );
    let disable = |body: Value| person.send("DELETE", TOTP, Some(&body));
    disable(json!({"recovery_code": codes[0]})).refused(403, "step_up_required");
    let step = |body: Value| person.post("/api/v1/auth/step-up", &body);
    step(json!({"password": person.password})).refused(401, "totp_required");
    step(json!({"recovery_code": codes[0]})).is(200);
    disable(json!({"recovery_code": codes[0]})).refused_fields(
        422,
        "validation_failed",
        &["recovery_code"],
    );
    disable(json!({"recovery_code": codes[1]})).is(204);
    assert_eq!(person.get(TOTP).data(200)["enabled"], false);
    person.sign_in().is(200);
}

#[test]
fn a_workspace_that_wants_a_factor_opens_when_it_is_shown() {
    let gateway = Gateway::behind_proxy();
    let person = Person::with_workspace(&gateway);
    database::execute(
        &mut database::admin(),
        "update ucrm.tenants set settings = '{\"mfa_required\": true}' where id in (select tenant_id from ucrm.tenant_memberships where user_id = $1)",
        &[&person.id()],
    );
    person.get("/api/v1/contacts").refused(403, "mfa_required");
    App::enabled(&person);
    person.get("/api/v1/contacts").is(200);
}
