-- What an attempt was made with, which its endpoint may no longer say. Attempts from before are of the one
-- format that there was.
ALTER TABLE attempts ADD COLUMN wire INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN url TEXT NOT NULL DEFAULT '';

-- Answers to changes of endpoints, sealed. `project` is as in `idempotency`.
CREATE TABLE remembered (
    space       INTEGER NOT NULL,
    project     BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    answer      BLOB    NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (space, project, key)
) STRICT;
CREATE INDEX remembered_expires ON remembered (expires_at);

CREATE TABLE used_tokens (
    space      INTEGER NOT NULL,
    token      BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (space, token)
) STRICT;
CREATE INDEX used_tokens_expires ON used_tokens (expires_at);

-- The key keeps the messages of a session together and in order, so that a page is read from one place. The
-- content comes last, so that reading the rest skips its pages.
CREATE TABLE messages (
    id         BLOB    NOT NULL,
    space      INTEGER NOT NULL,
    session    TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    poll       TEXT,
    created_at INTEGER NOT NULL,
    content    TEXT    NOT NULL,
    PRIMARY KEY (space, session, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_id ON messages (space, id);

CREATE TABLE votes (
    voter      TEXT    NOT NULL,
    space      INTEGER NOT NULL,
    message    BLOB    NOT NULL,
    selected   TEXT    NOT NULL,
    event      BLOB    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (space, message, voter)
) STRICT, WITHOUT ROWID;
