//! Cookies for the workers' own-origin requests.
//!
//! The cookies of the app live in the browser, and a worker's request for its own origin would carry them there. Here
//! the worker runs outside: its requests get the cookies that a page of the origin sent last. They are kept in memory
//! only; after a restart they are there again with the first request of a page.

use axum::http::HeaderValue;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The latest `Cookie` header of each origin.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    by_origin: Mutex<HashMap<String, HeaderValue>>,
}

impl Cookies {
    /// A page of `origin` sent these cookies, or none.
    pub(crate) fn seen(&self, origin: &str, cookies: Option<&HeaderValue>) {
        let mut by_origin = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        match cookies {
            Some(cookies) => {
                by_origin.insert(origin.to_owned(), cookies.clone());
            }
            None => {
                by_origin.remove(origin);
            }
        }
    }

    /// The cookies for a request of a worker of `origin`.
    pub(crate) fn get(&self, origin: &str) -> Option<HeaderValue> {
        self.by_origin.lock().unwrap_or_else(PoisonError::into_inner).get(origin).cloned()
    }
}
