//! Owns nothing itself: the index of the compiler from requests to SQL text and binds.
//! Must never touch PostgreSQL: everything below is pure.
//! Called by the query leaf and by the tests.

pub mod bulk;
pub mod bulk_change;
pub mod bulk_insert;
mod catalogue;
mod column;
pub mod currency;
mod cursor;
mod embed;
mod emit;
mod filter;
pub mod import;
pub mod key;
mod kind;
mod label;
pub mod linked;
mod list;
pub mod literal;
mod money;
mod one;
mod order;
mod parameter;
mod reader;
mod refusal;
mod relation;
pub mod rest;
mod seek;
mod statement;
mod term;
// One dialect does not build all of it.
#[allow(dead_code)]
pub mod tree;
mod value;
mod write;

// The leaf names some, the dialects, the reference of filters and the tests others.
#[allow(unused_imports)]
pub use {
    catalogue::Catalogue,
    emit::List,
    label::labels,
    list::{PARAMETERS, list, whole},
    one::{delete, get, key_value},
    parameter::pairs,
    refusal::Refusal,
    statement::Statement,
    write::{archive, insert, insert_unseen, update},
};
#[allow(unused_imports)]
pub use {
    column::{Column, Place},
    emit::emit,
    kind::Kind,
    refusal::FieldError,
    relation::{Relating, Relation},
};
// The compiler's tests have no use for them; `custom` has.
#[allow(unused_imports)]
pub use literal::{is_date, timestamp};
