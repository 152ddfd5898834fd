//! UCRM gateway.
fn main() {}
