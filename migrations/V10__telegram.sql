-- Chats that steer accounts: who may speak there, what waits for a button, what was not obeyed.

-- When an update of this bot was last handled: ids of updates begin anew after a week without any.
ALTER TABLE telegram_bots ADD COLUMN last_update_at INTEGER;
-- en or ko; NULL: as the configuration says.
ALTER TABLE telegram_bots ADD COLUMN language TEXT CHECK (language IN ('en', 'ko'));
-- Buttons that were pressed wrongly one after another, and until when the chat is not listened to for it.
ALTER TABLE telegram_bots ADD COLUMN wrong_confirms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE telegram_bots ADD COLUMN muted_until INTEGER;

-- Who may give commands. Without a row it is the person of the private chat, and nobody in a group.
CREATE TABLE telegram_users (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user_id    INTEGER NOT NULL,
    PRIMARY KEY (account_id, user_id)
) STRICT, WITHOUT ROWID;

-- Commands that wait for their button. Each can be pressed once, by who asked, in the chat it was asked in.
CREATE TABLE telegram_confirmations (
    token      TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    chat_id    INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    command    TEXT NOT NULL CHECK (json_valid(command)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- What became of it.
    outcome    TEXT CHECK (outcome IN ('confirmed', 'cancelled')),
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX telegram_confirmations_expiry ON telegram_confirmations (expires_at);

-- Updates that nobody was answered for. Bounded.
CREATE TABLE telegram_ignored (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    -- Telegram's public number of the bot that was spoken to.
    bot_id    INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    chat_id   INTEGER,
    user_id   INTEGER,
    -- foreign_chat, foreign_user, group_chat, edited, forwarded, old, muted, flood, unreadable ...
    reason    TEXT NOT NULL
) STRICT;

-- Symbols of which a person wants the bots' positions closed; gone once they are.
CREATE TABLE close_requests (
    account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    symbol       TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, symbol)
) STRICT, WITHOUT ROWID;

-- Answers to commands, written with what the command changed and sent afterwards.
CREATE TABLE telegram_replies (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    chat_id    INTEGER NOT NULL,
    -- Each kind leaves by itself: a picture that does not get through keeps no text back.
    kind       TEXT NOT NULL CHECK (kind IN ('text', 'chart')),
    body       TEXT NOT NULL CHECK (json_valid(body)),
    created_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    status     TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'dead')),
    last_error TEXT,
    sent_at    INTEGER
) STRICT;

CREATE INDEX telegram_replies_pending ON telegram_replies (account_id, id) WHERE status = 'pending';
