//! Owns how one value is written, in JSON and in CSV, by its type.
//! Must never hold anything to drop: output functions may raise, and an ERROR jumps over these frames (see `raw`).
//! Called by `print`.

use super::csv;
use super::text::Text;
use crate::raw;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::mem::ManuallyDrop;

/// What a type is written as.
#[derive(Clone, Copy)]
pub enum Form {
    /// `true`, `false`.
    Boolean,
    /// Of so many bytes.
    Integer(i16),
    /// As RFC 9562 has it.
    Uuid,
    /// A text.
    Characters,
    /// As it is.
    Json,
    /// By its output function.
    Jsonb,
    /// In UTC.
    Moment,
    /// Without offset.
    LocalTime,
    /// A day.
    Date,
    /// By its output function, unquoted if it looks like a number.
    Number(pg_sys::Oid),
    /// By its output function.
    Other(pg_sys::Oid),
}

/// What is printed without asking the catalogue.
fn plain(kind: pg_sys::Oid) -> Option<Form> {
    Some(match kind {
        pg_sys::BOOLOID => Form::Boolean,
        pg_sys::INT2OID => Form::Integer(2),
        pg_sys::INT4OID => Form::Integer(4),
        pg_sys::INT8OID => Form::Integer(8),
        pg_sys::UUIDOID => Form::Uuid,
        pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Form::Characters,
        pg_sys::JSONOID => Form::Json,
        pg_sys::JSONBOID => Form::Jsonb,
        pg_sys::TIMESTAMPTZOID => Form::Moment,
        pg_sys::TIMESTAMPOID => Form::LocalTime,
        pg_sys::DATEOID => Form::Date,
        _ => return None,
    })
}

/// How values of a type are written.
///
/// # Safety
/// In a transaction: the catalogue is asked.
pub unsafe fn form_of(kind: pg_sys::Oid) -> Form {
    if let Some(form) = plain(kind) {
        return form;
    }
    // SAFETY: look-ups in the catalogue.
    unsafe {
        let base = raw::getBaseType(kind);
        plain(base).unwrap_or_else(|| {
            let (mut output, mut varlena) = (pg_sys::InvalidOid, false);
            raw::getTypeOutputInfo(base, &mut output, &mut varlena);
            match base {
                pg_sys::NUMERICOID | pg_sys::FLOAT4OID | pg_sys::FLOAT8OID => Form::Number(output),
                _ => Form::Other(output),
            }
        })
    }
}

/// The bytes of a text.
///
/// # Safety
/// A datum of text, varchar, char or json.
pub unsafe fn characters<'a>(value: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: a varlena datum, detoasted if it has to be.
    unsafe {
        let pointer = raw::pg_detoast_datum_packed(value.cast_mut_ptr());
        std::slice::from_raw_parts(
            pgrx::varlena::vardata_any(pointer).cast(),
            pgrx::varlena::varsize_any_exhdr(pointer),
        )
    }
}

unsafe fn output<'a>(function: pg_sys::Oid, value: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: the output function of the value's type.
    unsafe { CStr::from_ptr(raw::OidOutputFunctionCall(function, value)).to_bytes() }
}

/// A value as JSON.
///
/// # Safety
/// Of the form's type.
pub unsafe fn value(form: Form, value: pg_sys::Datum, into: &mut Text) {
    // SAFETY: the value is of the form's type.
    unsafe {
        match form {
            Form::Boolean => into.push(if value.value() & 1 != 0 {
                b"true"
            } else {
                b"false"
            }),
            Form::Integer(2) => into.integer(i64::from(value.value() as i16)),
            Form::Integer(4) => into.integer(i64::from(value.value() as i32)),
            Form::Integer(_) => into.integer(value.value() as i64),
            Form::Uuid => into.uuid(*value.cast_mut_ptr::<[u8; 16]>()),
            Form::Characters => into.quoted(characters(value)),
            Form::Json => into.push(characters(value)),
            Form::Jsonb => into.push(output(pg_sys::Oid::from_u32(pg_sys::F_JSONB_OUT), value)),
            Form::Moment => time(value, pg_sys::TIMESTAMPTZOID, b"+00:00", into),
            Form::LocalTime => time(value, pg_sys::TIMESTAMPOID, b"", into),
            Form::Date => {
                let days = value.value() as i32;
                if !into.date(i64::from(days)) {
                    other_time(value, pg_sys::DATEOID, into);
                }
            }
            Form::Number(function) => {
                let number = output(function, value);
                match number.last() {
                    Some(b'0'..=b'9') => into.push(number),
                    _ => into.quoted(number),
                }
            }
            Form::Other(function) => into.quoted(output(function, value)),
        }
    }
}

/// A value as a cell.
///
/// # Safety
/// Of the form's type.
pub unsafe fn cell(form: Form, datum: pg_sys::Datum, into: &mut Text) {
    // SAFETY: the value is of the form's type.
    unsafe {
        match form {
            Form::Characters => csv::text(characters(datum), into),
            Form::Json => csv::plain(characters(datum), into),
            Form::Jsonb => {
                let json = output(pg_sys::Oid::from_u32(pg_sys::F_JSONB_OUT), datum);
                // A member of a document that is a text is a text.
                // An error in `text` passes by, and must pass no destructor.
                match serde_json::from_slice::<String>(json).map(ManuallyDrop::new) {
                    Ok(member) => {
                        csv::text(member.as_bytes(), into);
                        drop(ManuallyDrop::into_inner(member));
                    }
                    Err(_) => csv::plain(json, into),
                }
            }
            Form::Other(function) => csv::text(output(function, datum), into),
            // Nothing in these needs quotes.
            _ => {
                let begin = into.length();
                value(form, datum, into);
                into.unquote(begin);
            }
        }
    }
}

unsafe fn time(value: pg_sys::Datum, kind: pg_sys::Oid, zone: &[u8], into: &mut Text) {
    if !into.time(value.value() as i64, zone) {
        // SAFETY: the value is of this type.
        unsafe { other_time(value, kind, into) };
    }
}

/// Infinity, and years of other than four digits.
unsafe fn other_time(value: pg_sys::Datum, kind: pg_sys::Oid, into: &mut Text) {
    let mut buffer = [0; 129];
    let utc = 0;
    // SAFETY: the buffer has MAXDATELEN + 1 bytes (datetime.h).
    unsafe {
        raw::JsonEncodeDateTime(buffer.as_mut_ptr(), value, kind, &utc);
        into.quoted(CStr::from_ptr(buffer.as_ptr()).to_bytes());
    }
}
