-- One number stands for a tenant in one environment wherever rows are many.
CREATE TABLE spaces (
    number      INTEGER PRIMARY KEY,
    tenant      BLOB    NOT NULL,
    environment INTEGER NOT NULL,
    UNIQUE (tenant, environment)
) STRICT;

CREATE TABLE tenants (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id           BLOB    NOT NULL PRIMARY KEY,
    tenant       BLOB    NOT NULL,
    environment  INTEGER NOT NULL,
    project      BLOB,
    name         TEXT    NOT NULL,
    capabilities TEXT    NOT NULL,
    digest       BLOB    NOT NULL UNIQUE,
    hint         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_tenant ON keys (tenant, id, environment);

CREATE TABLE projects (
    id         BLOB    NOT NULL,
    space      INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (space, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX projects_space ON projects (space, created_at, id);

CREATE TABLE sessions (
    id         TEXT    NOT NULL,
    space      INTEGER NOT NULL,
    project    BLOB,
    label      TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX sessions_space ON sessions (space, created_at, id);

-- A deleted endpoint stays as a mark, stripped of its settings and secrets, until nothing of it is pending
-- and after; `enabled` and `disabled_reason` are columns because settling changes them without the settings.
CREATE TABLE endpoints (
    id              BLOB    NOT NULL PRIMARY KEY,
    space           INTEGER NOT NULL,
    project         BLOB,
    session         TEXT,
    settings        TEXT    NOT NULL,
    enabled         INTEGER NOT NULL,
    disabled_reason TEXT,
    health          TEXT    NOT NULL,
    secrets         BLOB    NOT NULL,
    headers         BLOB    NOT NULL,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX endpoints_space ON endpoints (space, id) WHERE deleted = 0;

CREATE TABLE event_types (
    name        TEXT    NOT NULL,
    space       INTEGER NOT NULL,
    description TEXT    NOT NULL,
    schema      TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (space, name)
) STRICT;

-- `seq` is the order of acceptance. The payload comes last, so that reading the rest skips its pages.
CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL,
    space        INTEGER NOT NULL,
    event_type   TEXT    NOT NULL,
    project      BLOB,
    session      TEXT,
    external_id  TEXT,
    ordering_key TEXT,
    occurred_at  INTEGER,
    created_at   INTEGER NOT NULL,
    payload      BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_id ON events (space, id);
-- Holds (space, seq): what live streams and pruning by bytes walk along.
CREATE INDEX events_space ON events (space);
CREATE UNIQUE INDEX events_external ON events (space, external_id) WHERE external_id IS NOT NULL;

-- `due_at` is NULL when ended and 2^63-1 while an earlier delivery with the same order key is pending.
-- `attempts_base` is what `attempts` was when the delivery was last requeued.
-- `trail` is where its rows in `attempts` begin; NULL before the first.
CREATE TABLE deliveries (
    id            BLOB    NOT NULL PRIMARY KEY,
    event_seq     INTEGER NOT NULL,
    endpoint_id   BLOB    NOT NULL,
    space         INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    attempts_base INTEGER NOT NULL,
    due_at        INTEGER,
    trail         INTEGER,
    created_at    INTEGER NOT NULL,
    finished_at   INTEGER,
    order_key     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_event ON deliveries (event_seq, id);
CREATE INDEX deliveries_space ON deliveries (space, id);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_dead ON deliveries (space, id) WHERE state = 2;
-- The queue.
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at, id)
    WHERE state = 0 AND due_at < 9223372036854775807;
CREATE INDEX deliveries_order ON deliveries (endpoint_id, order_key, id)
    WHERE state = 0 AND order_key IS NOT NULL;

-- `seq` is the delivery's `trail` plus the attempt's number: one key instead of a table and an index.
CREATE TABLE attempts (
    seq              INTEGER PRIMARY KEY,
    id               BLOB    NOT NULL,
    started_at       INTEGER NOT NULL,
    duration_ms      INTEGER NOT NULL,
    outcome          TEXT    NOT NULL,
    status           INTEGER,
    error            TEXT,
    request_headers  TEXT    NOT NULL,
    response_headers TEXT    NOT NULL,
    response_body    BLOB    NOT NULL
) STRICT;

-- `project` is empty where the caller is not limited to one: a NULL would never equal itself.
CREATE TABLE idempotency (
    space       INTEGER NOT NULL,
    project     BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    answer      TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (space, project, key)
) STRICT;
CREATE INDEX idempotency_expires ON idempotency (expires_at);

-- Bytes of payloads and kept responses.
CREATE TABLE usage (
    tenant BLOB    NOT NULL PRIMARY KEY,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
