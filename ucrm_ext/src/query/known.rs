//! Owns what was compiled before: by shape and query string, so that the same question is compiled once.
//! Must never answer for another shape: both texts are compared, the hash only finds the place.
//! Called by the query leaf.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;

/// Compiled questions kept per backend; they may hold the request's values, so there are many and they are small.
const MOST: usize = 512;

struct Entry<T> {
    shape: Box<str>,
    query: Box<str>,
    compiled: Rc<T>,
}

/// What was compiled, the texts it was compiled from, and nothing else.
pub struct Known<T>(HashMap<u64, Entry<T>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known(HashMap::new())
    }
}

impl<T> Known<T> {
    // A shape's first line names the table; the columns after it are long, and compared.
    fn place(&self, shape: &str, query: &str) -> u64 {
        let head = shape.split('\n').next();
        self.0.hasher().hash_one((head, query))
    }

    /// What was compiled from these texts.
    pub fn get(&self, shape: &str, query: &str) -> Option<Rc<T>> {
        self.0
            .get(&self.place(shape, query))
            .filter(|entry| &*entry.shape == shape && &*entry.query == query)
            .map(|entry| entry.compiled.clone())
    }

    /// Keeps it.
    pub fn put(&mut self, shape: &str, query: &str, compiled: Rc<T>) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let entry = Entry {
            shape: shape.into(),
            query: query.into(),
            compiled,
        };
        self.0.insert(self.place(shape, query), entry);
    }
}
