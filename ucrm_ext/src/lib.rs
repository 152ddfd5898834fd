//! UCRM's Rust leaves.
pgrx::pg_module_magic!(name, version);
