-- How people and processes speak to the daemon, and what they said.

-- One daemon per database: the row names the owner, its file lock proves it lives.
CREATE TABLE lease (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    epoch        INTEGER NOT NULL,
    pid          INTEGER NOT NULL,
    host         TEXT NOT NULL,
    version      TEXT NOT NULL,
    source       TEXT NOT NULL,
    acquired_at  INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    released_at  INTEGER
) STRICT;

CREATE TABLE commands (
    id              INTEGER PRIMARY KEY,
    created_at      INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    account_id      INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    kind            TEXT NOT NULL,
    payload         TEXT NOT NULL CHECK (json_valid(payload)),
    status          TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'acknowledged', 'refused')),
    result          TEXT,
    acknowledged_at INTEGER
) STRICT;

CREATE INDEX commands_pending ON commands (id) WHERE status = 'pending';

CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    severity   TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    -- Names and numbers; the text is made where it is sent, in the reader's language.
    payload    TEXT NOT NULL CHECK (json_valid(payload)),
    created_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    status     TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'dead')),
    last_error TEXT,
    sent_at    INTEGER
) STRICT;

CREATE INDEX outbox_pending ON outbox (not_before) WHERE status = 'pending';

-- Append-only and hash-chained: hash = SHA-256(prev_hash, canonical entry).
CREATE TABLE audit_log (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    -- cli:USER, telegram:CHAT, daemon.
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    account   TEXT,
    subject   TEXT NOT NULL,
    before    TEXT,
    after     TEXT,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL UNIQUE
) STRICT;

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;

CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
