-- Schema version 1. Times are milliseconds since the Unix epoch, durations milliseconds. The schedule lives in memory
-- and is rebuilt at start, so no index on a due time is kept: it would cost more on each write than it ever gives.

PRAGMA application_id = 0x57616B65; -- "Wake"

-- One row.
CREATE TABLE meta (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    epoch             INTEGER NOT NULL, -- how many owners the profile has had
    installation_seed INTEGER NOT NULL, -- 64 random bits, drawn once
    last_id           INTEGER NOT NULL  -- the highest id that was ever removed or higher: none up to it is given again
) STRICT;

CREATE TABLE worker_registration (
    id               INTEGER PRIMARY KEY,
    storage_key      TEXT NOT NULL,
    scope            TEXT NOT NULL,
    script_url       TEXT NOT NULL,
    active_worker    INTEGER,          -- NULL while there is none
    active_activated INTEGER NOT NULL  -- 0: the active worker is still activating
) STRICT;

CREATE TABLE sync_registration (
    id                  INTEGER PRIMARY KEY,
    worker_registration INTEGER NOT NULL,
    kind                INTEGER NOT NULL, -- 0: one-off, 1: periodic
    tag                 BLOB NOT NULL,    -- WTF-8: lone surrogates are kept
    registered_at_ms    INTEGER NOT NULL,
    attempts            INTEGER NOT NULL,
    interrupted_starts  INTEGER NOT NULL,
    attempts_max        INTEGER NOT NULL,
    not_before_ms       INTEGER,
    reregistered        INTEGER NOT NULL,
    min_interval_ms     INTEGER,          -- periodic only
    anchor_ms           INTEGER,          -- periodic only
    last_success_ms     INTEGER           -- periodic only
) STRICT;

-- For the removal of a worker registration with all that it owns.
CREATE INDEX sync_registration_by_owner ON sync_registration (worker_registration);

CREATE TABLE activity (
    id           INTEGER PRIMARY KEY,
    time_ms      INTEGER NOT NULL,
    storage_key  TEXT,
    registration INTEGER,
    kind         INTEGER,
    tag          BLOB,
    event        TEXT NOT NULL -- JSON
) STRICT;
