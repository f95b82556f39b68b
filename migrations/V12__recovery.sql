-- What a database must know to be trusted after it was tampered with, lost or brought back.

-- The end of the audit chain, kept a second time: entries cut off at the end are missed here. The seal is the same
-- at an earlier moment, authenticated under a key that the database does not hold.
CREATE TABLE audit_anchor (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    entries        INTEGER NOT NULL,
    head           TEXT NOT NULL,
    sealed_entries INTEGER,
    sealed_head    TEXT,
    sealed_at      INTEGER,
    key_version    INTEGER,
    mac            TEXT
) STRICT;

INSERT INTO audit_anchor (id, entries, head)
SELECT 1, coalesce(max(id), 0),
       coalesce((SELECT hash FROM audit_log ORDER BY id DESC LIMIT 1),
                '0000000000000000000000000000000000000000000000000000000000000000')
FROM audit_log;

CREATE TRIGGER audit_anchor_no_delete BEFORE DELETE ON audit_anchor
BEGIN SELECT RAISE(ABORT, 'audit_anchor is kept'); END;

-- Copies of the database that were tried, and what became of them. Bounded: old rows go.
CREATE TABLE backups (
    id          INTEGER PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    -- cli:USER or daemon.
    actor       TEXT NOT NULL,
    -- The file, or what was to become it.
    path        TEXT NOT NULL,
    bytes       INTEGER,
    sha256      TEXT,
    encrypted   INTEGER NOT NULL CHECK (encrypted IN (0, 1)),
    -- NULL: it is good.
    error       TEXT
) STRICT;
