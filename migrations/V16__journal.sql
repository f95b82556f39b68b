-- Rows of the journal that cost less to write; what they say stays the same.
--
-- SQLite looks up a list of more than two words in a table that it builds for every statement it runs, so words are
-- compared one by one here: five such tables were built for each order, one for each state of an account. And an
-- order's steps are found by its number instead of its id: numbers grow, so that the newest entries of the index share
-- a page, where ids begin with the account and touch a page each.

CREATE TABLE numbered_orders (
    -- In the order they were written.
    number            INTEGER PRIMARY KEY,
    client_order_id   TEXT NOT NULL UNIQUE,
    account_id        INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    bot_id            INTEGER REFERENCES bot_instances (id) ON DELETE SET NULL,
    symbol            TEXT NOT NULL,
    side              TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    position_side     TEXT NOT NULL CHECK (position_side IN ('long', 'short')),
    purpose           TEXT NOT NULL,
    order_type        TEXT NOT NULL,
    time_in_force     TEXT,
    -- Limit price, or the trigger of a conditional order.
    price             TEXT,
    qty               TEXT NOT NULL,
    reduce_only       INTEGER NOT NULL CHECK (reduce_only IN (0, 1)),
    leverage          INTEGER NOT NULL,
    reserved_margin   TEXT NOT NULL,
    cycle_id          INTEGER NOT NULL,
    status            TEXT NOT NULL CHECK (
        status = 'intended' OR status = 'sent' OR status = 'unknown' OR status = 'open' OR status = 'partially_filled'
        OR status = 'filled' OR status = 'cancelled' OR status = 'rejected' OR status = 'expired'),
    filled_qty        TEXT NOT NULL DEFAULT '0',
    filled_notional   TEXT NOT NULL DEFAULT '0',
    exchange_order_id TEXT,
    end_reason        TEXT,
    dry_run           INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    signal_at         INTEGER,
    decided_at        INTEGER NOT NULL,
    sent_at           INTEGER,
    acknowledged_at   INTEGER,
    finished_at       INTEGER
) STRICT;

INSERT INTO numbered_orders (number, client_order_id, account_id, bot_id, symbol, side, position_side, purpose, order_type,
        time_in_force, price, qty, reduce_only, leverage, reserved_margin, cycle_id, status, filled_qty, filled_notional,
        exchange_order_id, end_reason, dry_run, signal_at, decided_at, sent_at, acknowledged_at, finished_at)
    SELECT rowid, client_order_id, account_id, bot_id, symbol, side, position_side, purpose, order_type,
        time_in_force, price, qty, reduce_only, leverage, reserved_margin, cycle_id, status, filled_qty, filled_notional,
        exchange_order_id, end_reason, dry_run, signal_at, decided_at, sent_at, acknowledged_at, finished_at
    FROM orders ORDER BY rowid;

-- One order's life, append-only.
CREATE TABLE numbered_order_events (
    id           INTEGER PRIMARY KEY,
    order_number INTEGER NOT NULL REFERENCES numbered_orders (number) ON DELETE CASCADE,
    at           INTEGER NOT NULL,
    status       TEXT NOT NULL,
    detail       TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO numbered_order_events (id, order_number, at, status, detail)
    SELECT e.id, o.number, e.at, e.status, e.detail
    FROM order_events e JOIN numbered_orders o ON o.client_order_id = e.client_order_id ORDER BY e.id;

DROP TABLE order_events;
DROP TABLE orders;
-- What refers to it is renamed with it.
ALTER TABLE numbered_orders RENAME TO orders;
ALTER TABLE numbered_order_events RENAME TO order_events;

CREATE INDEX orders_account ON orders (account_id, decided_at);
CREATE INDEX orders_decided ON orders (decided_at, account_id, client_order_id);
-- Orders that ended a short while ago: a late fill must find its order after a restart.
CREATE INDEX orders_finished ON orders (account_id, finished_at) WHERE finished_at IS NOT NULL;
-- What recovery must ask about; queries say the condition in the same words.
CREATE INDEX orders_working ON orders (account_id)
    WHERE status = 'intended' OR status = 'sent' OR status = 'unknown' OR status = 'open' OR status = 'partially_filled';
CREATE INDEX order_events_order ON order_events (order_number);

CREATE TABLE plain_account_state (
    account_id        INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Cooldowns, entry guards, trailing peaks, DCA levels ... as the engine writes them.
    state             TEXT NOT NULL DEFAULT '{}',
    -- The last cycle the machine has handled and whose effects are durable.
    last_cycle_at     INTEGER,
    wallet            TEXT,
    equity            TEXT,
    -- The halt latch: set before anything else is tried, cleared only by `resume`.
    halted_at         INTEGER,
    halt_reason       TEXT,
    halt_flatten      INTEGER NOT NULL DEFAULT 0 CHECK (halt_flatten IN (0, 1)),
    quarantined_at    INTEGER,
    quarantine_reason TEXT,
    -- The circuit breaker as last seen.
    breaker           TEXT NOT NULL DEFAULT 'closed' CHECK (
        breaker = 'closed' OR breaker = 'open' OR breaker = 'half_open'),
    last_error        TEXT,
    last_error_at     INTEGER,
    updated_at        INTEGER NOT NULL,
    -- The market whose prices the account trades at.
    market            TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO plain_account_state (account_id, state, last_cycle_at, wallet, equity, halted_at, halt_reason, halt_flatten,
        quarantined_at, quarantine_reason, breaker, last_error, last_error_at, updated_at, market)
    SELECT account_id, state, last_cycle_at, wallet, equity, halted_at, halt_reason, halt_flatten,
        quarantined_at, quarantine_reason, breaker, last_error, last_error_at, updated_at, market
    FROM account_state;
DROP TABLE account_state;
ALTER TABLE plain_account_state RENAME TO account_state;
