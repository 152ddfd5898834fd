//! Owns what differs between two images of a row: which fields, and what they were and are.
//! Must never find a difference where jsonb finds none.
//! Called by the audit triggers, once for every changed row, and by ucrm.record_event().

use crate::border::{Answer, Call, texts};
use pgrx::pg_sys;
use pgrx::pg_sys::{JsonbIteratorToken as Token, jbvType};
use std::ptr::null_mut;

/// An image: a jsonb object, alive as long as the call.
#[derive(Clone, Copy)]
struct Image(*mut pg_sys::JsonbContainer);

fn image(call: Call, n: usize) -> Option<Image> {
    let datum = call.datum(n)?;
    // SAFETY: the argument is declared jsonb.
    unsafe {
        let jsonb: *mut pg_sys::Jsonb = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        let root = &raw mut (*jsonb).root;
        ((*root).header & pg_sys::JB_FOBJECT != 0).then_some(Image(root))
    }
}

impl Image {
    fn field(self, name: &[u8]) -> Option<pg_sys::JsonbValue> {
        // SAFETY: an object's container; the result is palloc'd or null.
        unsafe {
            pg_sys::getKeyJsonValueFromContainer(
                self.0,
                name.as_ptr().cast(),
                name.len() as i32,
                null_mut(),
            )
            .as_ref()
            .copied()
        }
    }

    /// Calls `visit` with every field.
    fn each(self, mut visit: impl FnMut(&[u8], &pg_sys::JsonbValue)) {
        let mut value = pg_sys::JsonbValue::default();
        let mut name: &[u8] = &[];
        // SAFETY: the iterator's own protocol (jsonb.h); keys are strings that point into the image.
        unsafe {
            let mut iterator = pg_sys::JsonbIteratorInit(self.0);
            loop {
                match pg_sys::JsonbIteratorNext(&mut iterator, &mut value, true) {
                    Token::WJB_DONE => break,
                    Token::WJB_KEY => name = bytes(&value),
                    Token::WJB_VALUE => visit(name, &value),
                    _ => {}
                }
            }
        }
    }
}

/// The bytes of a string value.
unsafe fn bytes<'a>(value: &pg_sys::JsonbValue) -> &'a [u8] {
    // SAFETY: the caller knows that it is a string.
    unsafe {
        let string = value.val.string;
        std::slice::from_raw_parts(string.val.cast(), string.len as usize)
    }
}

fn equal(one: &pg_sys::JsonbValue, other: &pg_sys::JsonbValue) -> bool {
    if one.type_ != other.type_ {
        return false;
    }
    // SAFETY: the union is read as its type says.
    unsafe {
        match one.type_ {
            jbvType::jbvNull => true,
            jbvType::jbvBool => one.val.boolean == other.val.boolean,
            jbvType::jbvString => bytes(one) == bytes(other),
            jbvType::jbvNumeric => {
                let numbers =
                    [one, other].map(|value| Some(pg_sys::Datum::from(value.val.numeric)));
                pgrx::direct_function_call_as_datum(pg_sys::numeric_eq, &numbers)
                    .is_some_and(|equal| equal.value() & 1 != 0)
            }
            _ => pg_sys::compareJsonbContainers(one.val.binary.data, other.val.binary.data) == 0,
        }
    }
}

fn changed_fields(call: Call) -> Answer {
    let (before, after) = (image(call, 0), image(call, 1));
    let mut names: Vec<Option<String>> = Vec::new();
    if let Some(after) = after {
        after.each(|name, value| {
            let known = before.and_then(|before| before.field(name));
            if name != b"updated_at" && !known.is_some_and(|known| equal(&known, value)) {
                names.push(Some(String::from_utf8_lossy(name).into_owned()));
            }
        });
    }
    names.sort_unstable();
    Ok(Some(texts(&names)))
}

fn string(text: &[u8]) -> pg_sys::JsonbValue {
    let mut value = pg_sys::JsonbValue {
        type_: jbvType::jbvString,
        ..Default::default()
    };
    value.val.string = pg_sys::JsonbValue__bindgen_ty_1__bindgen_ty_1 {
        len: text.len() as i32,
        val: text.as_ptr().cast_mut().cast(),
    };
    value
}

fn changes_of(call: Call) -> Answer {
    let (before, after) = (image(call, 0), image(call, 1));
    let names: Vec<&str> = call.texts(2).into_iter().flatten().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let mut state: *mut pg_sys::JsonbParseState = null_mut();
    // SAFETY: the builder's own protocol (jsonb.h); what is pushed outlives the call.
    unsafe {
        let mut push = |token, value: Option<pg_sys::JsonbValue>| match value {
            Some(mut value) => pg_sys::pushJsonbValue(&mut state, token, &mut value),
            None => pg_sys::pushJsonbValue(&mut state, token, null_mut()),
        };
        push(Token::WJB_BEGIN_OBJECT, None);
        for name in names {
            push(Token::WJB_KEY, Some(string(name.as_bytes())));
            push(Token::WJB_BEGIN_OBJECT, None);
            for (side, image) in [(b"previous".as_slice(), before), (b"current", after)] {
                let value = image.and_then(|image| image.field(name.as_bytes()));
                push(Token::WJB_KEY, Some(string(side)));
                // The default is JSON's null.
                push(Token::WJB_VALUE, Some(value.unwrap_or_default()));
            }
            push(Token::WJB_END_OBJECT, None);
        }
        let whole = push(Token::WJB_END_OBJECT, None);
        Ok(Some(pg_sys::Datum::from(pg_sys::JsonbValueToJsonb(whole))))
    }
}

crate::leaf!(
    pg_finfo_ucrm_changed_fields,
    ucrm_changed_fields,
    changed_fields
);
crate::leaf!(pg_finfo_ucrm_changes_of, ucrm_changes_of, changes_of);
