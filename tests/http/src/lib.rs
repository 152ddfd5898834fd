//! Support for the HTTP tests.
