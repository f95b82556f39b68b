-- What the market said, and what each account made of it.

CREATE TABLE instruments (
    symbol       TEXT PRIMARY KEY,
    tick         TEXT NOT NULL,
    step         TEXT NOT NULL,
    min_qty      TEXT NOT NULL,
    min_notional TEXT NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last price of each symbol that the daemon has seen.
CREATE TABLE prices (
    symbol TEXT PRIMARY KEY,
    price  TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Actionable signals, and the latest of every key. Bounded: the daemon prunes old rows.
CREATE TABLE signals (
    strategy_id  INTEGER NOT NULL,
    symbol       TEXT NOT NULL,
    timeframe    TEXT NOT NULL,
    bar_close_at INTEGER NOT NULL,
    price        TEXT NOT NULL,
    entry        TEXT CHECK (entry IN ('long', 'short')),
    exit_long    INTEGER NOT NULL CHECK (exit_long IN (0, 1)),
    exit_short   INTEGER NOT NULL CHECK (exit_short IN (0, 1)),
    confidence   REAL NOT NULL,
    reason       TEXT NOT NULL,
    conditions   TEXT NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (strategy_id, symbol, timeframe, bar_close_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX signals_at ON signals (bar_close_at);

-- Why an account did, or did not. Bounded: the daemon prunes old rows.
CREATE TABLE decisions (
    account_id   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    at           INTEGER NOT NULL,
    bot_id       INTEGER NOT NULL REFERENCES bot_instances (id) ON DELETE CASCADE,
    symbol       TEXT NOT NULL,
    -- entered, skipped, added, exited, reported.
    action       TEXT NOT NULL,
    -- Stable word for scripts: cooldown, max_positions, below_minimum ...
    code         TEXT NOT NULL,
    detail       TEXT NOT NULL,
    -- The bar whose signal it is about; `at` where there is none. One row per reason and bar.
    bar_close_at INTEGER NOT NULL,
    client_order_id TEXT,
    PRIMARY KEY (account_id, bot_id, symbol, bar_close_at, action, code)
) STRICT, WITHOUT ROWID;

CREATE INDEX decisions_at ON decisions (at);

-- One row per run of the daemon: what the counters said.
CREATE TABLE daemon_runs (
    epoch            INTEGER PRIMARY KEY,
    started_at       INTEGER NOT NULL,
    ended_at         INTEGER,
    source           TEXT NOT NULL,
    accounts         INTEGER NOT NULL DEFAULT 0,
    bots             INTEGER NOT NULL DEFAULT 0,
    cycles           INTEGER NOT NULL DEFAULT 0,
    last_cycle_at    INTEGER,
    signal_keys      INTEGER NOT NULL DEFAULT 0,
    signals_computed INTEGER NOT NULL DEFAULT 0,
    turns            INTEGER NOT NULL DEFAULT 0,
    commits          INTEGER NOT NULL DEFAULT 0,
    end_reason       TEXT
) STRICT;
