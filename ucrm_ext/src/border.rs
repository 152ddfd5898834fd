//! Owns the border to PostgreSQL's calling convention: arguments in, datums out, one error type.
//! Must never decide anything.
//! Called by every leaf that SQL can see. Functions are declared by hand in `sql/`, so that grants and comments stand
//! beside them; `leaf!` gives a Rust function the two symbols PostgreSQL looks for (manual, 38.10 C-Language Functions).

use pgrx::pg_sys;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode, varlena};
use std::cell::RefCell;
use std::collections::HashMap;

/// What a leaf raises. SQLSTATEs of PostgreSQL only: codes of UCRM's own are raised in SQL.
pub struct Fault {
    /// SQLSTATE.
    pub state: PgSqlErrorCode,
    /// MESSAGE, without anything secret in it.
    pub message: String,
    /// HINT: what to do.
    pub hint: Option<&'static str>,
}

impl Fault {
    /// A fault with this SQLSTATE.
    pub fn new(state: PgSqlErrorCode, message: impl Into<String>) -> Fault {
        Fault {
            state,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: &'static str) -> Fault {
        self.hint = Some(hint);
        self
    }

    /// ereport(ERROR).
    pub fn raise(self) {
        let report = ErrorReport::new(self.state, self.message, "ucrm");
        let report = match self.hint {
            Some(hint) => report.set_hint(hint),
            None => report,
        };
        report.report(PgLogLevel::ERROR);
    }
}

/// What a leaf gives back: a datum, SQL null, or a fault.
pub type Answer = Result<Option<pg_sys::Datum>, Fault>;

/// The arguments of one call.
#[derive(Clone, Copy)]
pub struct Call(pub pg_sys::FunctionCallInfo);

impl Call {
    /// The n-th argument, `None` for SQL null.
    pub fn datum(self, n: usize) -> Option<pg_sys::Datum> {
        // SAFETY: PostgreSQL passes as many arguments as the function is declared with, and the leaf asks for no more.
        let argument = unsafe { (*self.0).args.as_slice((*self.0).nargs as usize)[n] };
        (!argument.isnull).then_some(argument.value)
    }

    /// A text argument.
    pub fn text<'a>(self, n: usize) -> Option<&'a str> {
        // SAFETY: databases of UCRM are UTF-8 (the install script's text is), and PostgreSQL verifies text on input.
        self.bytes(n)
            .map(|bytes| unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    /// A bytea argument (or the bytes of a text).
    pub fn bytes<'a>(self, n: usize) -> Option<&'a [u8]> {
        self.datum(n).map(bytes_of)
    }

    /// A uuid argument.
    pub fn uuid(self, n: usize) -> Option<[u8; 16]> {
        self.datum(n).map(uuid_of)
    }

    /// An integer argument.
    pub fn int(self, n: usize) -> Option<i32> {
        self.datum(n).map(|datum| datum.value() as i32)
    }

    /// A bigint argument.
    pub fn bigint(self, n: usize) -> Option<i64> {
        self.datum(n).map(|datum| datum.value() as i64)
    }

    /// A boolean argument, false for null.
    pub fn flag(self, n: usize) -> bool {
        self.datum(n).is_some_and(|datum| datum.value() & 1 != 0)
    }

    /// A text[] argument; its nulls become `None`.
    pub fn texts<'a>(self, n: usize) -> Vec<Option<&'a str>> {
        self.datum(n).map(texts_of).unwrap_or_default()
    }
}

/// The elements of a text[] datum.
pub fn texts_of<'a>(datum: pg_sys::Datum) -> Vec<Option<&'a str>> {
    let (mut elements, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: callers pass text[]; what deconstruct_array gives lives as long as the call.
    unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
        pg_sys::deconstruct_array(
            array,
            pg_sys::TEXTOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as _,
            &mut elements,
            &mut nulls,
            &mut count,
        );
        (0..count as usize)
            .map(|i| {
                (!*nulls.add(i)).then(|| std::str::from_utf8_unchecked(bytes_of(*elements.add(i))))
            })
            .collect()
    }
}

/// The payload of a varlena datum, detoasted if it has to be.
pub fn bytes_of<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: callers pass datums of varlena types; the memory lives as long as the call.
    unsafe {
        let mut pointer: *mut pg_sys::varlena = datum.cast_mut_ptr();
        if varlena::varatt_is_1b_e(pointer) || varlena::varatt_is_4b_c(pointer) {
            pointer = pg_sys::pg_detoast_datum_packed(pointer);
        }
        std::slice::from_raw_parts(
            varlena::vardata_any(pointer).cast(),
            varlena::varsize_any_exhdr(pointer),
        )
    }
}

/// The sixteen bytes of a uuid datum.
pub fn uuid_of(datum: pg_sys::Datum) -> [u8; 16] {
    // SAFETY: a uuid is sixteen bytes, passed by reference.
    unsafe { *datum.cast_mut_ptr::<[u8; 16]>() }
}

fn allocate(size: usize) -> *mut u8 {
    // SAFETY: palloc raises rather than returning null.
    unsafe { pg_sys::palloc(size).cast() }
}

/// A datum that is a varlena with these bytes.
pub fn varlena(bytes: &[u8]) -> pg_sys::Datum {
    whole(&[bytes])
}

/// A varlena of several pieces, copied once.
pub fn whole(pieces: &[&[u8]]) -> pg_sys::Datum {
    let size = 4 + pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let target = allocate(size);
    // SAFETY: `target` has room for the header and all pieces.
    unsafe {
        varlena::set_varsize_4b(target.cast(), size as i32);
        let mut at = target.add(4);
        for piece in pieces {
            std::ptr::copy_nonoverlapping(piece.as_ptr(), at, piece.len());
            at = at.add(piece.len());
        }
    }
    pg_sys::Datum::from(target)
}

/// A copy of a whole datum, header included.
pub fn copy_of(bytes: &[u8]) -> pg_sys::Datum {
    let target = allocate(bytes.len());
    // SAFETY: `target` has room for them.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    pg_sys::Datum::from(target)
}

/// The bytes of a whole varlena datum, header included, detoasted.
pub fn image<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: callers pass datums of varlena types.
    unsafe {
        let pointer = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
        std::slice::from_raw_parts(pointer.cast(), varlena::varsize_any(pointer))
    }
}

/// A uuid datum.
pub fn uuid(value: [u8; 16]) -> pg_sys::Datum {
    copy_of(&value)
}

/// A text[] datum.
pub fn texts(values: &[Option<String>]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> = values
        .iter()
        .map(|value| varlena(value.as_deref().unwrap_or_default().as_bytes()))
        .collect();
    let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
    let mut dimension = values.len() as i32;
    let mut lower = 1;
    // SAFETY: one dimension, as many elements as `dimension` says, all of type text.
    let array = unsafe {
        if values.is_empty() {
            pg_sys::construct_empty_array(pg_sys::TEXTOID)
        } else {
            pg_sys::construct_md_array(
                elements.as_mut_ptr(),
                nulls.as_mut_ptr(),
                1,
                &mut dimension,
                &mut lower,
                pg_sys::TEXTOID,
                -1,
                false,
                pg_sys::TYPALIGN_INT as _,
            )
        }
    };
    pg_sys::Datum::from(array)
}

thread_local! {
    /// The types that functions are declared to return, by the functions' oids.
    static RESULTS: RefCell<HashMap<pg_sys::Oid, pg_sys::Oid>> = RefCell::new(HashMap::new());
}

/// A value of the composite type that the function is declared to return.
pub fn composite<const N: usize>(call: Call, values: &[Option<pg_sys::Datum>; N]) -> pg_sys::Datum {
    // SAFETY: PostgreSQL fills in the call's function; a look-up in the catalogue.
    let function = unsafe { (*(*call.0).flinfo).fn_oid };
    let known = RESULTS.with_borrow(|results| results.get(&function).copied());
    let kind = known.unwrap_or_else(|| {
        // SAFETY: as above.
        let kind = unsafe { pg_sys::get_func_rettype(function) };
        RESULTS.with_borrow_mut(|results| results.insert(function, kind));
        kind
    });
    if kind != pg_sys::RECORDOID {
        return row_of(kind, values);
    }
    let mut descriptor = std::ptr::null_mut();
    // SAFETY: OUT arguments, as many as there are values.
    unsafe {
        pg_sys::get_call_result_type(call.0, std::ptr::null_mut(), &mut descriptor);
        formed(pg_sys::BlessTupleDesc(descriptor), values)
    }
}

/// A value of this composite type, which has a name.
pub fn row_of<const N: usize>(
    kind: pg_sys::Oid,
    values: &[Option<pg_sys::Datum>; N],
) -> pg_sys::Datum {
    // SAFETY: the type has as many columns as there are values; the descriptor is released.
    unsafe {
        let descriptor = pg_sys::lookup_rowtype_tupdesc(kind, -1);
        let row = formed(descriptor, values);
        if (*descriptor).tdrefcount >= 0 {
            pg_sys::DecrTupleDescRefCount(descriptor);
        }
        row
    }
}

unsafe fn formed<const N: usize>(
    descriptor: pg_sys::TupleDesc,
    values: &[Option<pg_sys::Datum>; N],
) -> pg_sys::Datum {
    let mut datums = values.map(|value| value.unwrap_or(pg_sys::Datum::null()));
    let mut nulls = values.map(|value| value.is_none());
    // SAFETY: a blessed descriptor of as many columns as there are values.
    unsafe {
        let tuple = pg_sys::heap_form_tuple(descriptor, datums.as_mut_ptr(), nulls.as_mut_ptr());
        pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
    }
}

/// What `leaf!` wraps: runs a leaf and puts its answer where PostgreSQL looks.
pub fn finish(fcinfo: pg_sys::FunctionCallInfo, answer: Answer) -> pg_sys::Datum {
    match answer {
        Ok(Some(datum)) => datum,
        Ok(None) => {
            // SAFETY: fcinfo is the caller's for the length of the call.
            unsafe { (*fcinfo).isnull = true };
            pg_sys::Datum::null()
        }
        Err(fault) => {
            fault.raise();
            pg_sys::Datum::null()
        }
    }
}

/// Gives `fn(Call) -> Answer` the symbols of a version-1 function.
#[macro_export]
macro_rules! leaf {
    ($record:ident, $symbol:ident, $leaf:expr) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $record() -> &'static pgrx::pg_sys::Pg_finfo_record {
            static VERSION_1: pgrx::pg_sys::Pg_finfo_record =
                pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &VERSION_1
        }

        #[doc(hidden)]
        #[pgrx::pg_guard]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $symbol(
            fcinfo: pgrx::pg_sys::FunctionCallInfo,
        ) -> pgrx::pg_sys::Datum {
            $crate::border::finish(fcinfo, $leaf($crate::border::Call(fcinfo)))
        }
    };
}
