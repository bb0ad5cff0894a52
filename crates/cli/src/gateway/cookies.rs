//! Cookies of the app's own origins, between the browser that keeps them and the workers that run outside it.
//!
//! A worker's request for its own origin carries what a page of the origin sent last, and beside it what the runtime's jar
//! has: cookies that servers gave to the worker. What such a response sets goes to the browser too, with the next answer
//! that a page gets; until then the worker's own, newer value counts.

use axum::http::HeaderValue;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of each origin.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    by_origin: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The pairs of the latest `Cookie` header of a page.
    page: Vec<String>,
    /// `Set-Cookie` headers that the browser has not seen.
    for_browser: Vec<HeaderValue>,
}

/// More than this many waiting `Set-Cookie` headers are of no use: no page asks for anything. The oldest go.
const WAITING_MAX: usize = 50;

impl Cookies {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.by_origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of `origin` sent these cookies, or none.
    pub(crate) fn seen(&self, origin: &str, cookies: Option<&HeaderValue>) {
        let pairs = cookies.map(pairs_of).unwrap_or_default();
        let mut known = self.known();
        match known.get_mut(origin) {
            Some(known) => known.page = pairs,
            None if pairs.is_empty() => {}
            None => drop(known.insert(origin.to_owned(), Known { page: pairs, ..Known::default() })),
        }
    }

    /// The cookies for a request of a worker of `origin`: the page's, and those of the jar that it does not have.
    pub(crate) fn merged(&self, origin: &str, jar: Option<&HeaderValue>) -> Option<HeaderValue> {
        let known = self.known();
        let mut pairs = known.get(origin).map(|known| known.page.clone()).unwrap_or_default();
        drop(known);
        for pair in jar.map(pairs_of).unwrap_or_default() {
            if !pairs.iter().any(|own| name_of(own) == name_of(&pair)) {
                pairs.push(pair);
            }
        }
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }

    /// A response to a worker of `origin` set cookies.
    pub(crate) fn received<'a>(&self, origin: &str, values: impl Iterator<Item = &'a HeaderValue>) {
        for value in values {
            let Ok(text) = value.to_str() else { continue };
            let mut by_origin = self.known();
            let known = by_origin.entry(origin.to_owned()).or_default();
            known.page.retain(|pair| name_of(pair) != name_of(text));
            if known.for_browser.len() == WAITING_MAX {
                known.for_browser.remove(0);
            }
            known.for_browser.push(value.clone());
        }
    }

    /// The data of `origin` was cleared: nothing that a worker got before goes anywhere any more (R163). What the browser
    /// keeps is the browser's.
    pub(crate) fn forget(&self, origin: &str) {
        self.known().remove(origin);
    }

    /// What the next answer to a page of `origin` tells the browser.
    pub(crate) fn take_for_browser(&self, origin: &str) -> Vec<HeaderValue> {
        self.known().get_mut(origin).map(|known| std::mem::take(&mut known.for_browser)).unwrap_or_default()
    }
}

fn pairs_of(header: &HeaderValue) -> Vec<String> {
    let text = header.to_str().unwrap_or_default();
    text.split(';').map(str::trim).filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

fn name_of(pair: &str) -> &str {
    pair.split(['=', ';']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // R163
    fn worker_and_browser_tell_each_other_their_cookies() {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let cookies = Cookies::default();
        let origin = "http://127.0.0.1:1";
        assert_eq!(cookies.merged(origin, None), None);
        assert_eq!(cookies.merged(origin, Some(&value("a=jar"))), Some(value("a=jar")));
        cookies.seen(origin, Some(&value("a=page; b=2")));
        assert_eq!(cookies.merged(origin, Some(&value("a=jar; c=3"))), Some(value("a=page; b=2; c=3")));
        // A server renews one for the worker: its value counts, and the browser hears of it once.
        let renewed = value("a=new; HttpOnly; Path=/");
        cookies.received(origin, [&renewed].into_iter());
        assert_eq!(cookies.merged(origin, Some(&value("a=new"))), Some(value("b=2; a=new")));
        assert_eq!(cookies.take_for_browser(origin), [renewed]);
        assert!(cookies.take_for_browser(origin).is_empty());
        cookies.seen(origin, Some(&value("a=new; b=2")));
        assert_eq!(cookies.merged(origin, None), Some(value("a=new; b=2")));
        cookies.seen(origin, None);
        assert_eq!(cookies.merged(origin, None), None);
        cookies.received(origin, [&value("gone=1")].into_iter());
        cookies.forget(origin);
        assert!(cookies.take_for_browser(origin).is_empty());
        (0..60).for_each(|n| cookies.received(origin, [&value(&format!("c{n}=1"))].into_iter()));
        assert_eq!(cookies.take_for_browser(origin).len(), WAITING_MAX);
    }
}
