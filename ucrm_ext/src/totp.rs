//! Owns second factors: time-based codes (RFC 6238), what an authenticator app is shown of them, recovery codes.
//! Must never keep or print a secret, or read a clock: the moment is an argument.
//! Called by the SQL functions of factors alone, which nobody but UCRM's owner may execute.

mod code;
mod qr;
mod recovery;
mod uri;

use crate::border::{Answer, Call, Fault, texts, varlena};
use crate::token;
use pgrx::{PgSqlErrorCode, pg_sys};

/// From 1970 to 2000, where PostgreSQL's timestamps begin, in seconds.
const UNIX_TO_POSTGRES: i64 = 946_684_800;

/// Seconds since 1970 of a timestamptz, which is microseconds since 2000; none before 1970.
fn seconds(timestamp: i64) -> Option<u64> {
    u64::try_from(timestamp.div_euclid(1_000_000) + UNIX_TO_POSTGRES).ok()
}

fn totp_step(call: Call) -> Answer {
    let (Some(secret), Some(code), Some(now)) = (
        call.bytes(0),
        call.text(1),
        call.bigint(2).and_then(seconds),
    ) else {
        return Ok(None);
    };
    let after = call.bigint(3).and_then(|step| u64::try_from(step).ok());
    let step = code::step(secret, code, now, after);
    Ok(step.map(|step| pg_sys::Datum::from(step as i64)))
}

fn totp_base32(call: Call) -> Answer {
    Ok(call
        .bytes(0)
        .map(|secret| varlena(uri::base32(secret).as_bytes())))
}

fn totp_uri(call: Call) -> Answer {
    let (Some(secret), Some(account), Some(issuer)) = (call.bytes(0), call.text(1), call.text(2))
    else {
        return Ok(None);
    };
    Ok(Some(varlena(uri::uri(secret, account, issuer).as_bytes())))
}

fn qr_svg(call: Call) -> Answer {
    let Some(text) = call.text(0) else {
        return Ok(None);
    };
    let image = qr::svg(text).ok_or_else(|| {
        Fault::new(
            PgSqlErrorCode::ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
            "the text is too long for a QR code",
        )
    })?;
    Ok(Some(varlena(image.as_bytes())))
}

fn make_recovery_codes(_: Call) -> Answer {
    let codes: Vec<Option<String>> = recovery::codes(&token::draw()?)
        .into_iter()
        .map(Some)
        .collect();
    Ok(Some(texts(&codes)))
}

crate::leaf!(pg_finfo_ucrm_totp_step, ucrm_totp_step, totp_step);
crate::leaf!(pg_finfo_ucrm_totp_base32, ucrm_totp_base32, totp_base32);
crate::leaf!(pg_finfo_ucrm_totp_uri, ucrm_totp_uri, totp_uri);
crate::leaf!(pg_finfo_ucrm_qr_svg, ucrm_qr_svg, qr_svg);
crate::leaf!(
    pg_finfo_ucrm_make_recovery_codes,
    ucrm_make_recovery_codes,
    make_recovery_codes
);
