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
mod refusal;
mod sort;
mod statement;
mod value;
mod write;

pub use catalogue::{Catalogue, Column};
pub use list::{List, list};
pub use one::{delete, get, key_value};
pub use refusal::{FieldError, Refusal};
pub use statement::Statement;
pub use write::{insert, update};
