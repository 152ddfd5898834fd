//! Owns the taking apart of composite values: a PostgreSQL row in, datums out.
//! Must never be given a value that is not of a named composite type.
//! Called by `principal`, `request`, `route` and `query`.

use crate::border::{bytes_of, uuid_of};
use pgrx::pg_sys;

/// A row taken apart; its datums point into the row.
pub struct Columns<const N: usize> {
    values: [pg_sys::Datum; N],
    nulls: [bool; N],
}

impl<const N: usize> Columns<N> {
    /// Takes a row of `N` columns apart; `None` when it has another number.
    pub fn of(datum: pg_sys::Datum) -> Option<Columns<N>> {
        let mut row = Columns {
            values: [pg_sys::Datum::null(); N],
            nulls: [true; N],
        };
        // SAFETY: the datum is a composite value of a named type (the functions are declared so); the descriptor is
        // released, and the row outlives the values read from it.
        unsafe {
            let header: pg_sys::HeapTupleHeader =
                pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
            let type_id = (*header).t_choice.t_datum.datum_typeid;
            let type_mod = (*header).t_choice.t_datum.datum_typmod;
            let descriptor = pg_sys::lookup_rowtype_tupdesc(type_id, type_mod);
            let fits = (*descriptor).natts as usize == N;
            if fits {
                let mut tuple = pg_sys::HeapTupleData {
                    t_len: pgrx::varlena::varsize_any(header.cast()) as u32,
                    t_data: header,
                    ..Default::default()
                };
                pg_sys::heap_deform_tuple(
                    &mut tuple,
                    descriptor,
                    row.values.as_mut_ptr(),
                    row.nulls.as_mut_ptr(),
                );
            }
            if (*descriptor).tdrefcount >= 0 {
                pg_sys::DecrTupleDescRefCount(descriptor);
            }
            fits.then_some(row)
        }
    }

    /// The n-th column, `None` for SQL null.
    pub fn datum(&self, n: usize) -> Option<pg_sys::Datum> {
        (!self.nulls[n]).then_some(self.values[n])
    }

    /// A uuid column.
    pub fn uuid(&self, n: usize) -> Option<[u8; 16]> {
        self.datum(n).map(uuid_of)
    }

    /// The bytes of a text column.
    pub fn bytes(&self, n: usize) -> Option<&[u8]> {
        self.datum(n).map(bytes_of)
    }

    /// A text column.
    pub fn text(&self, n: usize) -> Option<&str> {
        // SAFETY: text of a UTF-8 database.
        self.bytes(n)
            .map(|bytes| unsafe { std::str::from_utf8_unchecked(bytes) })
    }

    /// A boolean column, false for null.
    pub fn flag(&self, n: usize) -> bool {
        self.datum(n).is_some_and(|datum| datum.value() & 1 != 0)
    }

    /// An integer column.
    pub fn int(&self, n: usize) -> Option<i32> {
        self.datum(n).map(|datum| datum.value() as i32)
    }

    /// A timestamptz column, microseconds since 2000.
    pub fn time(&self, n: usize) -> Option<i64> {
        self.datum(n).map(|datum| datum.value() as i64)
    }
}
