-- Notices to chats: how each kind is told to an account, and when its day is summed up.
CREATE TABLE notice_preferences (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    mode       TEXT NOT NULL CHECK (mode IN ('silent', 'off')),
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;

-- NULL: no summary.
ALTER TABLE telegram_bots ADD COLUMN daily_hour INTEGER CHECK (daily_hour BETWEEN 0 AND 23);
ALTER TABLE telegram_bots ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
-- The last day, in that zone, whose summary was written.
ALTER TABLE telegram_bots ADD COLUMN daily_told_on TEXT;

-- What whoever runs the fleet must know: raised once, cleared once.
CREATE TABLE alerts (
    id         INTEGER PRIMARY KEY,
    -- What it is about: kind, and the account or thing.
    key        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    severity   TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    detail     TEXT NOT NULL,
    raised_at  INTEGER NOT NULL,
    cleared_at INTEGER
) STRICT;

CREATE UNIQUE INDEX alerts_open ON alerts (key) WHERE cleared_at IS NULL;
CREATE INDEX alerts_raised ON alerts (raised_at);

-- What of it goes to Slack and by e-mail.
CREATE TABLE alert_messages (
    id         INTEGER PRIMARY KEY,
    alert_id   INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    phase      TEXT NOT NULL CHECK (phase IN ('raised', 'cleared')),
    channel    TEXT NOT NULL CHECK (channel IN ('slack', 'email')),
    not_before INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    status     TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'dead')),
    last_error TEXT,
    sent_at    INTEGER,
    UNIQUE (alert_id, phase, channel)
) STRICT;

CREATE INDEX alert_messages_pending ON alert_messages (channel, id) WHERE status = 'pending';
