//! Owns nothing itself: the index of the compiler from requests to SQL text and binds.
//! Must never touch PostgreSQL: everything below is pure.
//! Called by the query leaf and by the tests.

mod catalogue;
mod filter;
mod kind;
mod list;
mod literal;
mod one;
mod parameter;
mod reader;
mod refusal;
mod sort;
mod statement;
mod value;
mod write;

pub use catalogue::Catalogue;
pub use list::list;
pub use one::{delete, get, key_value};
pub use refusal::Refusal;
pub use statement::Statement;
pub use write::{insert, insert_unseen, update};
// Named by the tests only; the leaf reads their fields.
#[allow(unused_imports)]
pub use {catalogue::Column, list::List, refusal::FieldError};
