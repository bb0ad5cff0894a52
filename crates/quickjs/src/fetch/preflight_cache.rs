//! What preflights have allowed, for as long as the servers said (Fetch standard, section 4.9, "CORS-preflight cache").

use super::ResponseHead;
use crate::clock::Moment;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// All entries of one runtime.
pub(crate) struct PreflightCache {
    entries_max: usize,
    age_s_max: u64,
    entries: Mutex<Vec<Entry>>,
}

/// What a preflight is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) origin: &'a str,
    pub(crate) url: &'a Url,
    /// Whether the request carries credentials.
    pub(crate) credentials: bool,
}

struct Entry {
    origin: String,
    url: String,
    credentials: bool,
    methods: Vec<String>,
    /// In lower case.
    headers: Vec<String>,
    until: Moment,
}

/// How long an answer without `Access-Control-Max-Age` holds.
const AGE_S_DEFAULT: u64 = 5;

impl PreflightCache {
    pub(crate) fn new(entries_max: usize, age_s_max: u64) -> PreflightCache {
        PreflightCache { entries_max, age_s_max, entries: Mutex::default() }
    }

    /// Whether an earlier preflight has allowed the method and all of the headers.
    pub(crate) fn allows(
        &self,
        question: Question<'_>,
        method: &str,
        unsafe_names: &[String],
        now: Moment,
    ) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.until > now);
        let wildcard = |items: &[String]| !question.credentials && items.iter().any(|item| item == "*");
        entries.iter().any(|entry| {
            entry.is_about(question)
                && (super::cors::is_safelisted_method(method)
                    || entry.methods.iter().any(|allowed| allowed == method)
                    || wildcard(&entry.methods))
                && unsafe_names.iter().all(|name| {
                    entry.headers.contains(name) || (name != "authorization" && wildcard(&entry.headers))
                })
        })
    }

    /// Remembers an answer that allowed its request.
    pub(crate) fn remember(&self, question: Question<'_>, head: &ResponseHead, now: Moment) {
        let list = |name: &str| -> Vec<String> {
            let value = head.get(name).unwrap_or_default();
            value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        let age = head.get("access-control-max-age").map_or(Some(AGE_S_DEFAULT), |age| age.parse().ok());
        let age = age.unwrap_or(AGE_S_DEFAULT).min(self.age_s_max);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| entry.until > now && !entry.is_about(question));
        if age == 0 || self.entries_max == 0 {
            return;
        }
        if entries.len() >= self.entries_max {
            entries.remove(0);
        }
        entries.push(Entry {
            origin: question.origin.to_owned(),
            url: question.url.to_string(),
            credentials: question.credentials,
            methods: list("access-control-allow-methods"),
            headers: list("access-control-allow-headers")
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            until: now + Duration::from_secs(age),
        });
    }
}

impl Entry {
    fn is_about(&self, question: Question<'_>) -> bool {
        self.origin == question.origin
            && self.url == question.url.as_str()
            && self.credentials == question.credentials
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn head(headers: &[(&str, &str)]) -> ResponseHead {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ResponseHead { status: 204, status_text: String::new(), headers }
    }

    #[test] // Fetch, 4.9
    fn answers_hold_for_their_time_and_for_what_they_name() {
        let cache = PreflightCache::new(2, 60);
        let url = Url::parse("https://b.example/x").unwrap();
        let question = Question { origin: "https://a.example", url: &url, credentials: false };
        let start = clock::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let answer = head(&[
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-headers", "X-Token, *"),
            ("access-control-max-age", "600"),
        ]);
        cache.remember(question, &answer, start);
        assert!(cache.allows(question, "PUT", &names(&["x-token", "x-other"]), after(59)));
        assert!(!cache.allows(question, "PUT", &names(&["authorization"]), after(1)));
        assert!(!cache.allows(question, "DELETE", &[], after(1)));
        assert!(cache.allows(question, "GET", &names(&["x-token"]), after(1)));
        let other = Question { credentials: true, ..question };
        assert!(!cache.allows(other, "PUT", &[], after(1)), "with credentials it is another question");
        cache.remember(other, &answer, start);
        assert!(!cache.allows(other, "PUT", &names(&["x-other"]), after(1)), "no wildcard with credentials");
        assert!(!cache.allows(question, "PUT", &[], after(60)), "the limit of the host holds");
        cache.remember(question, &head(&[("access-control-allow-methods", "PUT")]), start);
        assert!(
            cache.allows(question, "PUT", &[], after(4)) && !cache.allows(question, "PUT", &[], after(5))
        );
    }
}
