//! Owns finding text in text, whatever the case, and the index for it.
//! Must never raise, nor tell anything of a text but whether it contains the other: it is LEAKPROOF, so that under row
//! security PostgreSQL asks its index first (manual, 41.5), which it does not for LIKE.
//! Called by PostgreSQL: as operator ucrm.~@, and as support functions of its GIN classes (manual, 70.3).

use crate::border::{Answer, Call, bytes_of};
use crate::query::compile::key;
use pgrx::pg_sys;
use std::ffi::c_char;

const MAYBE: c_char = pg_sys::GIN_MAYBE as c_char;
const FALSE: c_char = pg_sys::GIN_FALSE as c_char;
const TRUE: c_char = pg_sys::GIN_TRUE as c_char;

fn finds(call: Call) -> Answer {
    let (text, wanted) = (call.text(0), call.text(1));
    let found = key::contains(text.unwrap_or_default(), wanted.unwrap_or_default());
    Ok(Some(pg_sys::Datum::from(found)))
}

/// The texts that are there, each behind the sign of a beginning.
fn searchable(call: Call) -> Answer {
    let Some(array) = call.datum(0) else {
        return Ok(None);
    };
    let (mut values, mut nulls, mut count) = (
        std::ptr::null_mut::<pg_sys::Datum>(),
        std::ptr::null_mut::<bool>(),
        0,
    );
    // SAFETY: a text[]; as many values and nulls as are counted.
    let pieces = unsafe {
        pg_sys::deconstruct_array(
            pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast(),
            pg_sys::TEXTOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as c_char,
            &mut values,
            &mut nulls,
            &mut count,
        );
        (0..count as usize)
            .filter(|&at| !*nulls.add(at))
            .flat_map(|at| [b"\n".as_slice(), bytes_of(*values.add(at))])
            .collect::<Vec<_>>()
    };
    Ok(Some(crate::border::whole(&pieces)))
}

/// Keys as GIN takes them: an array of datums, its length through the pointer.
unsafe fn given(call: Call, keys: &[pg_sys::Datum]) -> pg_sys::Datum {
    // SAFETY: the second argument of an extract function points to an int32; palloc gives room for all keys.
    unsafe {
        if let Some(count) = call.datum(1) {
            count.cast_mut_ptr::<i32>().write(keys.len() as i32);
        }
        let array = pg_sys::palloc(size_of_val(keys).max(8)).cast::<pg_sys::Datum>();
        std::ptr::copy_nonoverlapping(keys.as_ptr(), array, keys.len());
        pg_sys::Datum::from(array)
    }
}

fn numbers(keys: Vec<i32>) -> Vec<pg_sys::Datum> {
    keys.into_iter().map(pg_sys::Datum::from).collect()
}

fn search_keys(call: Call) -> Answer {
    let keys = numbers(key::of_text(call.text(0).unwrap_or_default()));
    // SAFETY: GIN calls this.
    Ok(Some(unsafe { given(call, &keys) }))
}

fn search_query(call: Call) -> Answer {
    let keys = numbers(key::of_wanted(call.text(0).unwrap_or_default()));
    if let (true, Some(mode)) = (keys.is_empty(), call.datum(6)) {
        // SAFETY: the seventh argument points to an int32.
        unsafe {
            mode.cast_mut_ptr::<i32>()
                .write(pg_sys::GIN_SEARCH_MODE_ALL as i32)
        };
    }
    // SAFETY: GIN calls this.
    Ok(Some(unsafe { given(call, &keys) }))
}

fn tenant_keys(call: Call) -> Answer {
    let keys: Vec<pg_sys::Datum> = call.datum(0).into_iter().collect();
    // SAFETY: GIN calls this; the uuid outlives the call, which is all that GIN asks.
    Ok(Some(unsafe { given(call, &keys) }))
}

/// What the keys that are there say of the row: `certain` when they say it all.
fn verdict(call: Call, certain: c_char) -> Answer {
    let count = call.int(3).unwrap_or_default() as usize;
    let Some(check) = call.datum(0) else {
        return Ok(None);
    };
    // SAFETY: the first argument points to as many GinTernaryValues as the fourth says.
    let found = unsafe { std::slice::from_raw_parts(check.cast_mut_ptr::<c_char>(), count) };
    let verdict = if found.contains(&FALSE) {
        FALSE
    } else if found.contains(&MAYBE) {
        MAYBE
    } else {
        certain
    };
    Ok(Some(pg_sys::Datum::from(verdict)))
}

crate::leaf!(pg_finfo_ucrm_finds, ucrm_finds, finds);
crate::leaf!(pg_finfo_ucrm_searchable, ucrm_searchable, searchable);
crate::leaf!(pg_finfo_ucrm_search_keys, ucrm_search_keys, search_keys);
crate::leaf!(pg_finfo_ucrm_search_query, ucrm_search_query, search_query);
crate::leaf!(
    pg_finfo_ucrm_search_verdict,
    ucrm_search_verdict,
    |call: Call| -> Answer { verdict(call, MAYBE) }
);
crate::leaf!(pg_finfo_ucrm_tenant_keys, ucrm_tenant_keys, tenant_keys);
crate::leaf!(
    pg_finfo_ucrm_tenant_verdict,
    ucrm_tenant_verdict,
    |call: Call| -> Answer { verdict(call, TRUE) }
);
