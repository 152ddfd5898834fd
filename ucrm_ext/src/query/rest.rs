//! Owns nothing itself: the index of the PostgREST dialect, from a query string and headers to what they ask for.
//! Must never touch PostgreSQL: everything below is pure.
//! Called by the rest leaf and by the tests.

mod condition;
mod csv;
mod embed;
mod fault;
mod lower;
mod order;
mod question;
mod scanner;
mod select;
mod term;
mod wish;

// The leaf names some, the tests others.
#[allow(unused_imports)]
pub use {
    condition::{Condition, Field, Operand, Step},
    order::Order,
    question::{Part, Question},
    select::{Embed, Selected},
    wish::{Form, Resolution, Return},
};
#[allow(unused_imports)]
pub use {
    csv::csv,
    fault::Fault,
    lower::{Lowered, No, found, lower, of_keys},
    question::question,
    wish::{Wishes, wishes},
};
