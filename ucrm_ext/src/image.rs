//! Owns how a row is shown in the audit and in events: to_jsonb() of it, printed the same whoever writes.
//! Must never leave a session printing otherwise than it asked for.
//! Called by the triggers of protected tables, and by what compares a row with what they wrote.

use crate::border::{Answer, Call, varlena};
use pgrx::pg_sys;
use std::ffi::c_int;
use std::sync::OnceLock;
use ucrm_chain::sha256;

// utils/bytea.h, which the bindings leave out.
unsafe extern "C" {
    static mut bytea_output: c_int;
}
const BYTEA_OUTPUT_HEX: c_int = 1;

/// What a type's output depends on: TimeZone, DateStyle, IntervalStyle, bytea_output, extra_float_digits.
struct Style {
    zone: *mut pg_sys::pg_tz,
    dates: c_int,
    order: c_int,
    interval: c_int,
    bytes: c_int,
    digits: c_int,
}

impl Style {
    /// PostgreSQL's defaults, in UTC.
    fn common() -> Style {
        static ZONE: OnceLock<usize> = OnceLock::new();
        // SAFETY: a zone that is loaded stays.
        let zone =
            *ZONE.get_or_init(|| unsafe { pg_sys::pg_tzset(c"UTC".as_ptr()) }.expose_provenance());
        Style {
            zone: std::ptr::with_exposed_provenance_mut(zone),
            dates: pg_sys::USE_ISO_DATES as c_int,
            order: pg_sys::DATEORDER_MDY as c_int,
            interval: pg_sys::INTSTYLE_POSTGRES as c_int,
            bytes: BYTEA_OUTPUT_HEX,
            digits: 1,
        }
    }

    /// Makes it the session's; the one before comes back.
    fn exchange(&self) -> Style {
        // SAFETY: a backend is one thread, and the variables are its own.
        unsafe {
            let before = Style {
                zone: pg_sys::session_timezone,
                dates: pg_sys::DateStyle,
                order: pg_sys::DateOrder,
                interval: pg_sys::IntervalStyle,
                bytes: bytea_output,
                digits: pg_sys::extra_float_digits,
            };
            pg_sys::session_timezone = self.zone;
            pg_sys::DateStyle = self.dates;
            pg_sys::DateOrder = self.order;
            pg_sys::IntervalStyle = self.interval;
            bytea_output = self.bytes;
            pg_sys::extra_float_digits = self.digits;
            before
        }
    }
}

/// Gives the session its style back, after an error too.
struct Lent(Style);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.exchange();
    }
}

fn image(call: Call) -> Answer {
    let _lent = Lent(Style::common().exchange());
    // SAFETY: declared like to_jsonb(); an error in it unwinds.
    Ok(Some(unsafe { pg_sys::to_jsonb(call.0) }))
}

/// SHA-256 of an image as it is stored: jsonb sorts its keys and keeps the last of two, so that equal bytes are equal images.
fn image_digest(call: Call) -> Answer {
    Ok(call.bytes(0).map(|image| varlena(&sha256(image))))
}

crate::leaf!(pg_finfo_ucrm_image, ucrm_image, image);
crate::leaf!(pg_finfo_ucrm_image_digest, ucrm_image_digest, image_digest);
