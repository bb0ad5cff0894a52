//! The jar, and its table on disk.

use super::rules;
use crate::storage::{RuntimeStorage, StorageFailure, open};
use crate::{OpenError, RuntimeConfig};
use cookie_store::{Cookie, CookieStore, RawCookie};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use url::Url;

/// All cookies of one profile.
pub(crate) struct CookieJar {
    cookie_bytes_max: usize,
    cookies_max: usize,
    cookies_per_domain_max: usize,
    inner: Mutex<Inner>,
    report: OnceLock<Box<dyn Fn(String) + Send + Sync>>,
}

struct Inner {
    store: CookieStore,
    database: Connection,
    /// When each cookie was first set, counted.
    ages: HashMap<Key, u64>,
    next_age: u64,
}

/// Domain, path and name: what makes a cookie the same one.
type Key = (String, String, String);

impl CookieJar {
    /// Opens the jar of a profile. A cookie that cannot be read is dropped, the others stay (R170).
    pub(crate) fn open(
        storage: &RuntimeStorage,
        config: &RuntimeConfig,
        damage: &mut Vec<String>,
    ) -> Result<CookieJar, OpenError> {
        let database = open(storage, "cookies.sqlite", MIGRATIONS, damage)?;
        let mut inner = Inner { store: CookieStore::new(), database, ages: HashMap::new(), next_age: 0 };
        inner.load().map_err(|failure| OpenError::Inaccessible {
            path: storage.path_of("cookies.sqlite"),
            message: failure.message,
        })?;
        Ok(CookieJar {
            cookie_bytes_max: config.cookie_bytes_max,
            cookies_max: config.cookies_max,
            cookies_per_domain_max: config.cookies_per_domain_max,
            inner: Mutex::new(inner),
            report: OnceLock::new(),
        })
    }

    /// Says who hears that a cookie could not be written. It works until the program ends.
    pub(crate) fn on_failure(&self, report: impl Fn(String) + Send + Sync + 'static) {
        let _ = self.report.set(Box::new(report));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `Cookie` header of a request, longest paths first, then the oldest first.
    pub(crate) fn header(&self, url: &Url, same_site: bool) -> Option<String> {
        let inner = self.inner();
        let mut found: Vec<&Cookie<'static>> =
            inner.store.matches(url).into_iter().filter(|cookie| rules::is_sent(cookie, same_site)).collect();
        found.sort_by_cached_key(|cookie| {
            let key = key(cookie);
            (std::cmp::Reverse(key.1.len()), inner.ages.get(&key).copied())
        });
        let pairs: Vec<String> =
            found.iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes what a response sets. What the rules refuse is ignored, as the specification says.
    pub(crate) fn receive<'a>(&self, url: &Url, same_site: bool, values: impl Iterator<Item = &'a str>) {
        for text in values {
            let Ok(raw) = RawCookie::parse(text.to_owned()) else { continue };
            if rules::check(text, &raw, url, same_site, self.cookie_bytes_max).is_err() {
                continue;
            }
            let Ok(mut cookie) = Cookie::try_from_raw_cookie(&raw, url) else { continue };
            let Ok(domain) = rules::narrow_domain(cookie.domain.clone(), url) else { continue };
            cookie.domain = domain;
            let written = self.inner().insert(cookie, url, self.cookies_per_domain_max, self.cookies_max);
            if let (Err(failure), Some(report)) = (written, self.report.get()) {
                report(format!(
                    "a cookie of {} could not be written and will be gone after a restart: {}",
                    url.host_str().unwrap_or_default(),
                    failure.message
                ));
            }
        }
    }

    /// Forgets every cookie that requests of this origin would carry (R163).
    pub(crate) fn clear(&self, origin: &Url) -> Result<(), StorageFailure> {
        let mut inner = self.inner();
        let gone: Vec<Key> =
            inner.store.iter_any().filter(|cookie| cookie.domain.matches(origin)).map(key).collect();
        gone.iter().try_for_each(|key| inner.remove(key))
    }
}

impl Inner {
    fn load(&mut self) -> Result<(), StorageFailure> {
        let mut statement =
            self.database.prepare("SELECT domain, path, name, content, age FROM cookie ORDER BY age")?;
        let rows: Vec<(Key, String, i64)> = statement
            .query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?, row.get(4)?)))?
            .collect::<Result<_, _>>()?;
        drop(statement);
        let mut cookies = Vec::new();
        for (key, content, age) in rows {
            match serde_json::from_str::<Cookie<'static>>(&content) {
                Ok(cookie) if !cookie.is_expired() => {
                    self.ages.insert(key, age.cast_unsigned());
                    self.next_age = self.next_age.max(age.cast_unsigned().saturating_add(1));
                    cookies.push(cookie);
                }
                _ => self.forget(&key)?,
            }
        }
        let loaded =
            CookieStore::from_cookies(cookies.into_iter().map(Ok::<_, std::convert::Infallible>), false);
        self.store = loaded.unwrap_or_default();
        Ok(())
    }

    /// Memory first: a cookie that cannot be written still works until the program ends.
    fn insert(
        &mut self,
        cookie: Cookie<'static>,
        url: &Url,
        per_domain_max: usize,
        max: usize,
    ) -> Result<(), StorageFailure> {
        let key = key(&cookie);
        if cookie.is_expired() {
            return self.remove(&key);
        }
        let (persistent, content) = (cookie.is_persistent(), serde_json::to_string(&cookie));
        if self.store.insert(cookie, url).is_err() {
            return Ok(());
        }
        let age = *self.ages.entry(key.clone()).or_insert(self.next_age);
        self.next_age += 1;
        let made_room = self.make_room(&key.0, per_domain_max, max);
        match content {
            Ok(content) if persistent => {
                self.database
                    .prepare_cached(
                        "INSERT INTO cookie (domain, path, name, age, content) VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (domain, path, name) DO UPDATE SET content = excluded.content",
                    )?
                    .execute(params![key.0, key.1, key.2, age.cast_signed(), content])?;
            }
            // A cookie of this session takes the place of one that was to last.
            _ => self.forget(&key)?,
        }
        made_room
    }

    fn make_room(&mut self, domain: &str, per_domain_max: usize, max: usize) -> Result<(), StorageFailure> {
        let excess = |keys: Vec<&Key>, max: usize, ages: &HashMap<Key, u64>| -> Vec<Key> {
            let over = keys.len().saturating_sub(max);
            let mut keys: Vec<Key> = keys.into_iter().cloned().collect();
            keys.sort_by_key(|key| ages.get(key).copied());
            keys.truncate(over);
            keys
        };
        let of_domain = self.ages.keys().filter(|key| key.0 == domain).collect();
        let mut gone = excess(of_domain, per_domain_max, &self.ages);
        gone.extend(excess(self.ages.keys().collect(), max, &self.ages));
        gone.iter().try_for_each(|key| self.remove(key))
    }

    fn remove(&mut self, key: &Key) -> Result<(), StorageFailure> {
        self.store.remove(&key.0, &key.1, &key.2);
        self.ages.remove(key);
        self.forget(key)
    }

    fn forget(&self, key: &Key) -> Result<(), StorageFailure> {
        self.database
            .prepare_cached("DELETE FROM cookie WHERE domain = ?1 AND path = ?2 AND name = ?3")?
            .execute(params![key.0, key.1, key.2])?;
        Ok(())
    }
}

fn key(cookie: &Cookie<'_>) -> Key {
    (String::from(&cookie.domain), String::from(&cookie.path), cookie.name().to_owned())
}

const MIGRATIONS: &[&str] = &["
    CREATE TABLE cookie (
        domain TEXT NOT NULL,
        path TEXT NOT NULL,
        name TEXT NOT NULL,
        age INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (domain, path, name)
    ) STRICT, WITHOUT ROWID;
"];

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn jar_in(storage: &RuntimeStorage) -> CookieJar {
        let config =
            RuntimeConfig { cookies_per_domain_max: 3, cookie_bytes_max: 100, ..RuntimeConfig::default() };
        CookieJar::open(storage, &config, &mut Vec::new()).unwrap()
    }

    fn set(jar: &CookieJar, from: &str, cookie: &str) {
        jar.receive(&url(from), true, std::iter::once(cookie));
    }

    fn sent(jar: &CookieJar, to: &str) -> String {
        jar.header(&url(to), true).unwrap_or_default()
    }

    #[test] // RFC 6265bis, 5.6 to 5.8
    fn domain_path_secure_and_expiry_decide_what_is_sent() {
        let jar = jar_in(&RuntimeStorage::Memory);
        set(&jar, "https://www.a.example/dir/page", "host=1");
        set(&jar, "https://www.a.example/", "wide=2; Domain=a.example; Path=/");
        set(&jar, "https://www.a.example/", "safe=3; Secure; HttpOnly");
        assert_eq!(
            sent(&jar, "https://www.a.example/dir/x"),
            "host=1; wide=2; safe=3",
            "the longest path first"
        );
        assert_eq!(sent(&jar, "https://www.a.example/"), "wide=2; safe=3");
        assert_eq!(sent(&jar, "https://b.a.example/dir/x"), "wide=2");
        assert_eq!(sent(&jar, "http://www.a.example/"), "wide=2");
        assert_eq!(sent(&jar, "https://nota.example/"), "");
        set(&jar, "https://www.a.example/dir/x", "host=; Max-Age=0");
        assert_eq!(sent(&jar, "https://www.a.example/dir/x"), "wide=2; safe=3");
        set(
            &jar,
            "https://www.a.example/",
            "wide=4; Domain=a.example; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        );
        assert_eq!(sent(&jar, "https://www.a.example/"), "safe=3");
    }

    #[test] // RFC 6265bis, 4.1.3, 5.6, 5.7
    fn what_breaks_the_rules_is_ignored() {
        let jar = jar_in(&RuntimeStorage::Memory);
        for (from, cookie) in [
            ("https://a.example/", "x=1; Domain=b.example"),
            ("https://a.co.uk/", "x=1; Domain=co.uk"),
            ("http://a.example/", "x=1; Secure"),
            ("https://a.example/", "__Secure-x=1"),
            ("https://a.example/", "__Host-x=1; Secure"),
            ("https://a.example/", "__host-x=1; Secure; Path=/; Domain=a.example"),
            ("https://a.example/", "x=1; SameSite=None"),
            ("https://a.example/", &format!("x={}", "1".repeat(100))),
            ("https://a.example/", "x=1\u{1}"),
            ("https://a.example/", ""),
        ] {
            set(&jar, from, cookie);
            assert_eq!(sent(&jar, from), "", "{cookie}");
        }
        set(&jar, "https://a.example/", "__Host-x=1; Secure; Path=/");
        set(&jar, "https://github.io/", "own=1; Domain=github.io");
        set(&jar, "http://127.0.0.1:8080/", "local=1; Secure");
        assert_eq!(sent(&jar, "https://a.example/"), "__Host-x=1");
        assert_eq!(sent(&jar, "https://github.io/"), "own=1");
        assert_eq!(sent(&jar, "https://a.github.io/"), "");
        assert_eq!(sent(&jar, "http://127.0.0.1:9090/"), "local=1", "ports do not part cookies");
    }

    #[test] // RFC 6265bis, 5.2 and 5.6
    fn other_sites_set_and_get_only_cookies_for_everybody() {
        let jar = jar_in(&RuntimeStorage::Memory);
        let a = url("https://a.example/");
        let all = ["strict=1; SameSite=Strict", "plain=2", "open=3; SameSite=None; Secure"];
        jar.receive(&a, false, all.into_iter());
        assert_eq!(jar.header(&a, true).as_deref(), Some("open=3"));
        jar.receive(&a, true, all.into_iter());
        assert_eq!(jar.header(&a, false).as_deref(), Some("open=3"));
        assert_eq!(jar.header(&a, true).as_deref(), Some("open=3; strict=1; plain=2"));
    }

    #[test] // R163, R167, R170
    fn cookies_that_last_come_back_and_go_with_their_origins_data() {
        let dir = tempfile::tempdir().unwrap();
        let storage = RuntimeStorage::Dir(dir.path().to_owned());
        let jar = jar_in(&storage);
        for n in 0..5 {
            set(&jar, "https://a.example/", &format!("c{n}={n}; Max-Age=3600"));
        }
        set(&jar, "https://b.example/", "lasting=1; Max-Age=3600");
        set(&jar, "https://b.example/", "session=1");
        drop(jar);
        let jar = jar_in(&storage);
        assert_eq!(sent(&jar, "https://a.example/"), "c2=2; c3=3; c4=4", "the oldest made room");
        assert_eq!(sent(&jar, "https://b.example/"), "lasting=1");
        set(&jar, "https://b.example/", "lasting=2");
        jar.clear(&url("https://a.example")).unwrap();
        jar.inner()
            .database
            .execute("INSERT INTO cookie VALUES ('c.example', '/', 'bad', 0, '{')", [])
            .unwrap();
        drop(jar);
        let jar = jar_in(&storage);
        assert_eq!(sent(&jar, "https://a.example/"), "");
        assert_eq!(sent(&jar, "https://b.example/"), "", "it had become one of that session");
        assert_eq!(sent(&jar, "https://c.example/"), "");
    }

    #[test] // R171
    fn a_full_disk_costs_the_restart_not_the_cookie() {
        let jar = jar_in(&RuntimeStorage::Memory);
        let (told, heard) = std::sync::mpsc::channel();
        jar.on_failure(move |text| told.send(text).unwrap());
        jar.inner().database.execute_batch("PRAGMA query_only = 1").unwrap();
        set(&jar, "https://a.example/", "x=1; Max-Age=3600");
        assert_eq!(sent(&jar, "https://a.example/"), "x=1");
        assert!(heard.try_recv().unwrap().contains("a.example"));
    }
}
