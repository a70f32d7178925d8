-- A deleted source stays as a mark, stripped of its settings and secrets, until nothing of it is left. Its number is
-- an id outside, so that no other may ever have it.
CREATE TABLE sources (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               BLOB    NOT NULL UNIQUE,
    public_id        BLOB    NOT NULL,
    space            INTEGER NOT NULL,
    project          BLOB,
    settings         TEXT    NOT NULL,
    deliveries       INTEGER NOT NULL,
    last_delivery_at INTEGER,
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted          INTEGER NOT NULL DEFAULT 0,
    secrets          BLOB    NOT NULL
) STRICT;
CREATE INDEX sources_space ON sources (space, id) WHERE deleted = 0;
-- What pruning has to take away.
CREATE INDEX sources_deleted ON sources (number) WHERE deleted = 1;

CREATE TABLE agents (
    id         BLOB    NOT NULL PRIMARY KEY,
    space      INTEGER NOT NULL,
    project    BLOB,
    settings   TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    secrets    BLOB    NOT NULL
) STRICT;
CREATE INDEX agents_space ON agents (space, id);

-- Configurations as they were, each once. `uses` counts the bodies that name it: so it costs an arrival nothing to
-- know which are in use.
CREATE TABLE snapshots (
    number INTEGER PRIMARY KEY,
    digest BLOB    NOT NULL UNIQUE,
    uses   INTEGER NOT NULL,
    text   TEXT    NOT NULL
) STRICT;
CREATE INDEX snapshots_unused ON snapshots (number) WHERE uses = 0;

-- Deliveries to sources. `number` is the order of arrival and an id outside. `source` is the source's number.
-- While `holds` is 1, its `dedup_key` keeps others with it out, until `held_until` at the most; a delivery that failed
-- or whose time is over loses it to the next that comes with it.
CREATE TABLE inbound (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    id            BLOB    NOT NULL,
    space         INTEGER NOT NULL,
    source        INTEGER NOT NULL,
    status        INTEGER NOT NULL,
    runs          INTEGER NOT NULL,
    body_bytes    INTEGER NOT NULL,
    received_at   INTEGER NOT NULL,
    started_at    INTEGER,
    finished_at   INTEGER,
    input_tokens  INTEGER,
    output_tokens INTEGER,
    holds         INTEGER NOT NULL,
    held_until    INTEGER,
    dedup_key     TEXT,
    session       TEXT,
    event_type    TEXT,
    entity_key    TEXT,
    reason        TEXT,
    error         TEXT,
    remote_ip     TEXT,
    headers       TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX inbound_space ON inbound (space, id);
-- A source's list, and what is left of a deleted one.
CREATE INDEX inbound_source ON inbound (source, id);
CREATE INDEX inbound_session ON inbound (space, session, id) WHERE session IS NOT NULL;
-- The status that people look for, among many others.
CREATE INDEX inbound_failed ON inbound (space, id) WHERE status = 7;
CREATE UNIQUE INDEX inbound_held ON inbound (source, dedup_key) WHERE holds = 1;

-- In a table of their own, under the delivery's number: lists pass them by, and they go before their deliveries.
CREATE TABLE bodies (
    number   INTEGER PRIMARY KEY,
    space    INTEGER NOT NULL,
    snapshot INTEGER NOT NULL,
    body     BLOB    NOT NULL
) STRICT;
-- Holds (space, number): the oldest of a tenant that keeps too much.
CREATE INDEX bodies_space ON bodies (space);

-- Turns that have not ended. `due_at` is NULL while claimed and 2^63-1 behind another one of the same session, which
-- is exactly one: so at most one of a session is due, claimed, or waits for its time. `kind` says whose id `subject`
-- is. `source` and `delivery` are numbers: of the delivery that it is about, or whose action it is to carry out.
CREATE TABLE turns (
    id        BLOB    NOT NULL PRIMARY KEY,
    space     INTEGER NOT NULL,
    session   TEXT    NOT NULL,
    kind      INTEGER NOT NULL,
    subject   BLOB    NOT NULL,
    source    INTEGER,
    delivery  INTEGER,
    starts    INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at    INTEGER
) STRICT, WITHOUT ROWID;
-- The queue.
CREATE INDEX turns_due ON turns (due_at, id) WHERE due_at < 9223372036854775807;
-- The queue by space: a claim that can not take all that is due goes round the spaces.
CREATE INDEX turns_space ON turns (space, due_at, id) WHERE due_at < 9223372036854775807;
-- Whether a message's answer is waited for.
CREATE INDEX turns_message ON turns (subject, space) WHERE kind = 1;
-- What a start makes due again.
CREATE INDEX turns_claimed ON turns (id) WHERE due_at IS NULL;
CREATE INDEX turns_session ON turns (space, session, id);
-- The turns of a deleted source, and whether a delivery has one.
CREATE INDEX turns_source ON turns (source, delivery) WHERE source IS NOT NULL;

-- `delivery` is a number. The texts come last, so that reading the rest skips their pages.
CREATE TABLE actions (
    id         BLOB    NOT NULL,
    space      INTEGER NOT NULL,
    delivery   INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    tool       TEXT    NOT NULL,
    object     TEXT,
    error      TEXT,
    input      TEXT    NOT NULL,
    output     TEXT,
    PRIMARY KEY (space, id)
) STRICT;
CREATE INDEX actions_delivery ON actions (delivery, id);

-- Who answers in a session, and which source made it: ids, because both may be gone.
ALTER TABLE sessions ADD COLUMN agent BLOB;
ALTER TABLE sessions ADD COLUMN source BLOB;
-- Sessions that sources made, longest unchanged first: pruning.
CREATE INDEX sessions_made ON sessions (updated_at) WHERE source IS NOT NULL;

ALTER TABLE messages ADD COLUMN delivery BLOB;
ALTER TABLE messages ADD COLUMN tool_calls TEXT;
ALTER TABLE messages ADD COLUMN input_tokens INTEGER;
ALTER TABLE messages ADD COLUMN output_tokens INTEGER;
-- The oldest of all sessions: pruning.
CREATE INDEX messages_age ON messages (created_at);

-- Bytes of bodies that arrived.
ALTER TABLE usage ADD COLUMN inbound INTEGER NOT NULL DEFAULT 0;
