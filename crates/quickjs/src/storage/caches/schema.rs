//! The tables of `caches.sqlite`. See `docs/store-format.md`.

pub(super) const MIGRATIONS: &[&str] = &["
    CREATE TABLE cache (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        storage_key TEXT NOT NULL,
        name BLOB,
        UNIQUE (storage_key, name)
    ) STRICT;
    CREATE TABLE entry (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        cache INTEGER NOT NULL REFERENCES cache (id) ON DELETE CASCADE,
        url TEXT NOT NULL,
        path TEXT NOT NULL,
        vary TEXT,
        request TEXT NOT NULL,
        response TEXT NOT NULL,
        body INTEGER,
        body_bytes INTEGER,
        charge INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX entry_url ON entry (cache, url);
    CREATE INDEX entry_path ON entry (cache, path);
    CREATE TABLE secret (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT;
"];
