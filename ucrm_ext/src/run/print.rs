//! Owns how rows become JSON text: straight from the executor, where row_to_json looks every type up for every row.
//! Must never hold anything to drop: output functions may raise, and an ERROR jumps over these frames (see `raw`).
//! Called by ucrm.run_rows(), ucrm.run_row() and `handle`. The compiler gives it no arrays and no composites (see `query`).
//!
//! Times are RFC 3339 in UTC, whatever the session's time zone is. Numbers that JSON has no word for are strings.

#[path = "csv.rs"]
mod csv;
#[path = "form.rs"]
mod form;
#[path = "text.rs"]
pub mod text;

use crate::raw;
use form::{Form, cell, characters, form_of, value};
use pgrx::pg_sys;
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;
use text::Text;

#[derive(Clone, Copy)]
struct Column {
    form: Form,
    /// `"name":`, escaped, in `names`.
    begin: usize,
    end: usize,
}

/// What is known of the columns, made once for all rows of a statement.
struct Shape {
    columns: *mut Column,
    count: usize,
    names: Text,
}

impl Shape {
    unsafe fn of(descriptor: pg_sys::TupleDesc) -> Shape {
        // SAFETY: the descriptor's attributes follow it, `natts` of them; palloc's memory goes with the executor's.
        unsafe {
            let count = (*descriptor).natts as usize;
            let columns = raw::palloc((count + 1) * size_of::<Column>()).cast::<Column>();
            let mut names = Text::new(pg_sys::CurrentMemoryContext, count * 24 + 64);
            for at in 0..count {
                let attribute = (*descriptor).attrs.as_ptr().add(at);
                let begin = names.length();
                names.quoted(CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes());
                names.push(b":");
                columns.add(at).write(Column {
                    form: form_of((*attribute).atttypid),
                    begin,
                    end: names.length(),
                });
            }
            Shape {
                columns,
                count,
                names,
            }
        }
    }

    /// A line of names.
    unsafe fn head(&self, descriptor: pg_sys::TupleDesc, into: &mut Text) {
        for at in 0..self.count {
            into.push(if at == 0 { b"" } else { b"," });
            // SAFETY: as in `of`.
            let name = unsafe {
                let attribute = (*descriptor).attrs.as_ptr().add(at);
                CStr::from_ptr((*attribute).attname.data.as_ptr()).to_bytes()
            };
            csv::text(name, into);
        }
        into.push(b"\r\n");
    }

    /// The first column, a text.
    unsafe fn raw(&self, values: *const pg_sys::Datum, nulls: *const bool, into: &mut Text) {
        // SAFETY: values of this descriptor.
        unsafe {
            if self.count > 0 && !*nulls && matches!((*self.columns).form, Form::Characters) {
                into.push(characters(*values));
            }
        }
        into.push(b"\n");
    }

    /// A line of cells; null is an empty one.
    unsafe fn cells(&self, values: *const pg_sys::Datum, nulls: *const bool, into: &mut Text) {
        for at in 0..self.count {
            into.push(if at == 0 { b"" } else { b"," });
            // SAFETY: values of this descriptor.
            unsafe {
                if !*nulls.add(at) {
                    cell((*self.columns.add(at)).form, *values.add(at), into);
                }
            }
        }
        into.push(b"\r\n");
    }

    /// An object of the first columns.
    unsafe fn print(
        &self,
        shown: usize,
        values: *const pg_sys::Datum,
        nulls: *const bool,
        into: &mut Text,
    ) {
        // SAFETY: values of this descriptor, and not more of them than it has.
        unsafe {
            for at in 0..shown {
                let column = *self.columns.add(at);
                into.push(if at == 0 { b"{" } else { b"," });
                into.push(self.names.between(column.begin, column.end));
                if *nulls.add(at) {
                    into.push(b"null");
                } else {
                    value(column.form, *values.add(at), into);
                }
            }
            into.push(if shown == 0 { b"{}" } else { b"}" });
        }
    }

    /// An array of the last columns.
    unsafe fn print_rest(
        &self,
        shown: usize,
        values: *const pg_sys::Datum,
        nulls: *const bool,
        into: &mut Text,
    ) {
        // SAFETY: as above.
        unsafe {
            for at in shown..self.count {
                into.push(if at == shown { b"[" } else { b"," });
                if *nulls.add(at) {
                    into.push(b"null");
                } else {
                    value((*self.columns.add(at)).form, *values.add(at), into);
                }
            }
            into.push(b"]");
        }
    }
}

/// How rows are written.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Objects, commas between.
    Objects,
    /// Objects, each on a line.
    Lines,
    /// Cells (RFC 4180).
    Cells {
        /// The names come first.
        header: bool,
    },
    /// The first column as it is, each on a line.
    Raw,
}

/// Where the executor sends its rows to have them printed (executor/dest.h), one after the other, commas between.
#[repr(C)]
pub struct Printer {
    /// What PostgreSQL sees of it; the first field, so that a pointer to the one is a pointer to the other.
    receiver: pg_sys::DestReceiver,
    shape: Shape,
    layout: Layout,
    most: usize,
    /// How many of the last columns are not printed, but kept for the row that is the last to be printed.
    hidden: usize,
    /// Those of that row, an array; empty while there was no such row.
    pub kept: Text,
    /// Rows printed so far.
    pub printed: usize,
    /// What is printed, and what the caller puts before and after.
    pub text: Text,
}

impl Printer {
    /// Prints at most so many rows of those it is sent, into memory of this context.
    ///
    /// # Safety
    /// The context outlives the text.
    pub unsafe fn new(memory: pg_sys::MemoryContext, room: usize, most: usize) -> Printer {
        Printer {
            receiver: pg_sys::DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(start),
                rShutdown: Some(nothing),
                rDestroy: Some(nothing),
                mydest: pg_sys::CommandDest::DestTuplestore,
            },
            shape: Shape {
                columns: null_mut(),
                count: 0,
                names: Text::none(),
            },
            layout: Layout::Objects,
            most,
            hidden: 0,
            kept: Text::none(),
            printed: 0,
            // SAFETY: the caller's word.
            text: unsafe { Text::new(memory, room) },
        }
    }

    /// The same in another layout.
    pub fn laid(mut self, layout: Layout) -> Printer {
        self.layout = layout;
        self
    }

    /// Keeps so many of the last columns to itself; of the last row that it prints they are in `kept`.
    ///
    /// # Safety
    /// The context outlives what is kept.
    pub unsafe fn hide(&mut self, columns: usize, memory: pg_sys::MemoryContext) {
        self.hidden = columns;
        // SAFETY: the caller's word.
        self.kept = unsafe { Text::new(memory, 256) };
    }

    /// For ucrm.run()'s executor.
    pub fn receiver(&mut self) -> *mut pg_sys::DestReceiver {
        std::ptr::from_mut(self).cast()
    }
}

unsafe extern "C-unwind" fn start(
    printer: *mut pg_sys::DestReceiver,
    _operation: c_int,
    descriptor: pg_sys::TupleDesc,
) {
    // SAFETY: the receiver is a Printer's first field.
    unsafe {
        let printer = &mut *printer.cast::<Printer>();
        printer.shape = Shape::of(descriptor);
        if printer.layout == (Layout::Cells { header: true }) {
            printer.shape.head(descriptor, &mut printer.text);
        }
    };
}

unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    printer: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: as above; the slot is of the descriptor that the executor began with.
    unsafe {
        let printer = &mut *printer.cast::<Printer>();
        if printer.printed < printer.most {
            let shape = &printer.shape;
            if usize::from((*slot).tts_nvalid.unsigned_abs()) < shape.count {
                raw::slot_getsomeattrs_int(slot, shape.count as i32);
            }
            let (values, nulls) = ((*slot).tts_values, (*slot).tts_isnull);
            let shown = shape.count.saturating_sub(printer.hidden);
            match printer.layout {
                Layout::Objects => {
                    if printer.printed > 0 {
                        printer.text.push(b",");
                    }
                    shape.print(shown, values, nulls, &mut printer.text);
                }
                Layout::Lines => {
                    shape.print(shown, values, nulls, &mut printer.text);
                    printer.text.push(b"\n");
                }
                Layout::Cells { .. } => shape.cells(values, nulls, &mut printer.text),
                Layout::Raw => shape.raw(values, nulls, &mut printer.text),
            }
            printer.printed += 1;
            if printer.hidden > 0 && printer.printed == printer.most {
                shape.print_rest(shown, values, nulls, &mut printer.kept);
            }
        }
    }
    // Never an early end: rows that a statement still has to change are changed.
    true
}

/// A row as a text, printed like the rows of a statement.
///
/// # Safety
/// A datum of a composite type. The caller holds nothing to drop.
pub unsafe fn row(composite: pg_sys::Datum) -> pg_sys::Datum {
    // SAFETY: a composite datum is a tuple with its type in its header (access/htup_details.h); what is made is
    // palloc's, in the caller's memory.
    unsafe {
        let header =
            raw::pg_detoast_datum(composite.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
        let typed = (*header).t_choice.t_datum;
        let descriptor = raw::lookup_rowtype_tupdesc(typed.datum_typeid, typed.datum_typmod);
        let shape = Shape::of(descriptor);
        let mut tuple = pg_sys::HeapTupleData {
            t_len: pgrx::varlena::varsize_any(header.cast()) as u32,
            t_data: header,
            ..Default::default()
        };
        let values = raw::palloc((shape.count + 1) * size_of::<pg_sys::Datum>()).cast();
        let nulls = raw::palloc(shape.count + 1).cast();
        raw::heap_deform_tuple(&mut tuple, descriptor, values, nulls);
        let mut text = Text::new(pg_sys::CurrentMemoryContext, 512);
        shape.print(shape.count, values, nulls, &mut text);
        if (*descriptor).tdrefcount >= 0 {
            raw::DecrTupleDescRefCount(descriptor);
        }
        text.datum()
    }
}

unsafe extern "C-unwind" fn nothing(_printer: *mut pg_sys::DestReceiver) {}
