-- Schema version 2: what a registration may ask for beyond the specification, and what periodic sync must remember.

ALTER TABLE sync_registration ADD COLUMN not_after_ms INTEGER;
-- 0: 'any', 1: 'online', 2: 'avoid-cellular'.
ALTER TABLE sync_registration ADD COLUMN network_condition INTEGER NOT NULL DEFAULT 1;
-- 0: 'auto', 1: 'avoid-draining'.
ALTER TABLE sync_registration ADD COLUMN power_condition INTEGER NOT NULL DEFAULT 0;
-- On which network it was made; NULL if nobody could tell.
ALTER TABLE sync_registration ADD COLUMN network TEXT;

-- When a periodic event of an origin last succeeded ("time of last fire").
CREATE TABLE origin_fire (
    id           INTEGER PRIMARY KEY,
    storage_key  TEXT NOT NULL UNIQUE,
    last_fire_ms INTEGER NOT NULL
) STRICT;

-- The last round of periodic events. At most one row.
CREATE TABLE last_round (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    time_ms  INTEGER NOT NULL,
    drift_ms INTEGER NOT NULL -- how far the grid of wake-ups has moved forward in all
) STRICT;

-- The highest number that an activity had when the log was last cleared: none up to it is given again.
ALTER TABLE meta ADD COLUMN last_activity_id INTEGER NOT NULL DEFAULT 0;
