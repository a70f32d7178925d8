-- Turns lie by session, which is how an arrival looks for those before it. `due_at` is as it was; `later` is 1 while it
-- is a time to come, which only turns have that are tried again: so the queue by space holds what can be claimed, and
-- nothing that a claim would have to pass over.
CREATE TABLE turns_by_session (
    id        BLOB    NOT NULL,
    space     INTEGER NOT NULL,
    session   TEXT    NOT NULL,
    kind      INTEGER NOT NULL,
    subject   BLOB    NOT NULL,
    source    INTEGER,
    delivery  INTEGER,
    starts    INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at    INTEGER,
    later     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (space, session, id)
) STRICT, WITHOUT ROWID;
INSERT INTO turns_by_session (id, space, session, kind, subject, source, delivery, starts, queued_at, due_at, later)
    SELECT id, space, session, kind, subject, source, delivery, starts, queued_at, due_at,
           coalesce(due_at <> queued_at AND due_at < 9223372036854775807, 0)
    FROM turns;
DROP TABLE turns;
ALTER TABLE turns_by_session RENAME TO turns;
-- The queue: a claim goes round the spaces.
CREATE INDEX turns_ready ON turns (space, due_at, id) WHERE later = 0 AND due_at < 9223372036854775807;
CREATE INDEX turns_later ON turns (due_at) WHERE later = 1;
-- Turns in someone's hands; also what a start makes due again.
CREATE INDEX turns_claimed ON turns (id) WHERE due_at IS NULL;
-- Whether a message's answer is waited for.
CREATE INDEX turns_message ON turns (subject, space) WHERE kind = 1;
