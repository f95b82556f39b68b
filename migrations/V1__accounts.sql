-- Accounts, their settings and what belongs to an account alone.
-- Everywhere: times are integer milliseconds UTC, decimals are exact text, booleans are 0 or 1.

CREATE TABLE vault (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    key_version INTEGER NOT NULL,
    -- How the master key is made from what the operator holds: raw, or argon2id with this salt (hex).
    derivation  TEXT NOT NULL CHECK (derivation IN ('raw', 'argon2id')),
    salt        TEXT,
    -- A known text under the master key: opens only with the right one.
    key_check   TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    rotated_at  INTEGER
) STRICT;

CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
    name         TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    exchange     TEXT NOT NULL CHECK (exchange IN ('binance', 'bitget', 'upbit', 'paper')),
    -- Encrypted, bound to (account, field); NULL where the exchange needs none.
    api_key      TEXT,
    api_secret   TEXT,
    passphrase   TEXT,
    is_active    INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    proxy        TEXT,
    bind_address TEXT,
    -- The exchange's own id of the account, pinned when it was first verified.
    exchange_uid TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    -- Soft delete: history stays.
    removed_at   INTEGER
) STRICT;

CREATE UNIQUE INDEX accounts_name ON accounts (name) WHERE removed_at IS NULL;

CREATE TABLE account_tags (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    tag        TEXT NOT NULL CHECK (length(tag) BETWEEN 1 AND 32),
    PRIMARY KEY (account_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_settings (
    account_id      INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    entry_pct       TEXT NOT NULL DEFAULT '10.0' CHECK (CAST(entry_pct AS REAL) > 0 AND CAST(entry_pct AS REAL) <= 100),
    dry_run         INTEGER NOT NULL DEFAULT 1 CHECK (dry_run IN (0, 1)),
    auto_exit       INTEGER NOT NULL DEFAULT 0 CHECK (auto_exit IN (0, 1)),
    max_positions   INTEGER NOT NULL DEFAULT 7 CHECK (max_positions BETWEEN 1 AND 200),
    leverage        INTEGER NOT NULL DEFAULT 10 CHECK (leverage BETWEEN 1 AND 100),
    margin_mode     TEXT NOT NULL DEFAULT 'cross' CHECK (margin_mode IN ('cross', 'isolated')),
    exit_cooldown_h TEXT NOT NULL DEFAULT '2.0' CHECK (CAST(exit_cooldown_h AS REAL) BETWEEN 0 AND 8760),
    long_tp_pct     TEXT NOT NULL DEFAULT '3.0' CHECK (CAST(long_tp_pct AS REAL) > 0 AND CAST(long_tp_pct AS REAL) <= 1000),
    long_sl_pct     TEXT NOT NULL DEFAULT '3.0' CHECK (CAST(long_sl_pct AS REAL) > 0 AND CAST(long_sl_pct AS REAL) < 100),
    short_tp_pct    TEXT NOT NULL DEFAULT '3.0' CHECK (CAST(short_tp_pct AS REAL) > 0 AND CAST(short_tp_pct AS REAL) < 100),
    short_sl_pct    TEXT NOT NULL DEFAULT '3.0' CHECK (CAST(short_sl_pct AS REAL) > 0 AND CAST(short_sl_pct AS REAL) <= 1000),
    dca_enabled     INTEGER NOT NULL DEFAULT 1 CHECK (dca_enabled IN (0, 1)),
    dca_pct         TEXT NOT NULL DEFAULT '2.0' CHECK (CAST(dca_pct AS REAL) > 0 AND CAST(dca_pct AS REAL) < 100),
    dca1_pct        TEXT NOT NULL DEFAULT '30.0' CHECK (CAST(dca1_pct AS REAL) BETWEEN 0 AND 1000),
    dca2_pct        TEXT NOT NULL DEFAULT '30.0' CHECK (CAST(dca2_pct AS REAL) BETWEEN 0 AND 1000),
    dca3_pct        TEXT NOT NULL DEFAULT '30.0' CHECK (CAST(dca3_pct AS REAL) BETWEEN 0 AND 1000)
) STRICT;

-- The embedded exchange's terms for one account, and the faults an operator rehearses with.
CREATE TABLE paper_settings (
    account_id        INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    initial_balance   TEXT NOT NULL DEFAULT '10000' CHECK (CAST(initial_balance AS REAL) > 0),
    quote_asset       TEXT NOT NULL DEFAULT 'USDT',
    position_mode     TEXT NOT NULL DEFAULT 'hedge' CHECK (position_mode IN ('hedge', 'one_way')),
    maker_fee_pct     TEXT NOT NULL DEFAULT '0.02' CHECK (CAST(maker_fee_pct AS REAL) BETWEEN -1 AND 10),
    taker_fee_pct     TEXT NOT NULL DEFAULT '0.05' CHECK (CAST(taker_fee_pct AS REAL) BETWEEN 0 AND 10),
    slippage_pct      TEXT NOT NULL DEFAULT '0' CHECK (CAST(slippage_pct AS REAL) BETWEEN 0 AND 10),
    participation_pct TEXT CHECK (participation_pct IS NULL OR (CAST(participation_pct AS REAL) > 0 AND CAST(participation_pct AS REAL) <= 100)),
    fault_latency_ms  INTEGER NOT NULL DEFAULT 0 CHECK (fault_latency_ms BETWEEN 0 AND 600000),
    fault_failure_pct TEXT NOT NULL DEFAULT '0' CHECK (CAST(fault_failure_pct AS REAL) BETWEEN 0 AND 100),
    fault_lost_answer_pct TEXT NOT NULL DEFAULT '0' CHECK (CAST(fault_lost_answer_pct AS REAL) BETWEEN 0 AND 100),
    fault_hang        INTEGER NOT NULL DEFAULT 0 CHECK (fault_hang IN (0, 1)),
    fault_panic       INTEGER NOT NULL DEFAULT 0 CHECK (fault_panic IN (0, 1))
) STRICT;

-- The paper book of an account: the embedded exchange's own durable state.
CREATE TABLE paper_books (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    state      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE telegram_bots (
    account_id     INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Encrypted like the keys.
    bot_token      TEXT NOT NULL,
    chat_id        INTEGER NOT NULL,
    last_update_id INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What the account's machine must know again after a restart.
CREATE TABLE account_state (
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
    -- The circuit breaker as last seen: closed, open, half_open.
    breaker           TEXT NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    last_error        TEXT,
    last_error_at     INTEGER,
    updated_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE equity_snapshots (
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,
    wallet     TEXT NOT NULL,
    unrealized TEXT NOT NULL,
    equity     TEXT NOT NULL,
    PRIMARY KEY (account_id, at)
) STRICT, WITHOUT ROWID;
