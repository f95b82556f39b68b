-- What real exchanges bring: cash without fills, limits of an address, several markets.

-- Cash that came or went without a fill or funding of ours; on a real exchange only. Append-only.
CREATE TABLE cash_adjustments (
    id         INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    at         INTEGER NOT NULL,
    -- What the account began with; or a deposit, a withdrawal, somebody else's trading, a fee in another asset.
    kind       TEXT NOT NULL CHECK (kind IN ('opening', 'transfer_or_external')),
    -- Came when positive.
    amount     TEXT NOT NULL
) STRICT;

CREATE INDEX cash_adjustments_account ON cash_adjustments (account_id, at);

-- The place of a fill in the order the account's fills were booked; 0 for fills booked before there were numbers.
-- Exchanges may tell fills in another order than they happened.
ALTER TABLE fills ADD COLUMN number INTEGER NOT NULL DEFAULT 0;

-- Orders that ended a short while ago: a late fill must find its order after a restart.
CREATE INDEX orders_finished ON orders (account_id, finished_at) WHERE finished_at IS NOT NULL;

-- Until when an exchange takes nothing from an address.
CREATE TABLE rate_bans (
    exchange TEXT NOT NULL,
    -- The local address or proxy that requests leave by; empty for the default one.
    egress   TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    PRIMARY KEY (exchange, egress)
) STRICT, WITHOUT ROWID;

-- How much of its limits is used, as last known; for people.
CREATE TABLE rate_headroom (
    exchange   TEXT NOT NULL,
    egress     TEXT NOT NULL,
    bucket     TEXT NOT NULL,
    -- NULL for limits that all accounts of the address share.
    account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    used       INTEGER NOT NULL,
    amount     INTEGER NOT NULL,
    window_ms  INTEGER NOT NULL,
    resets_at  INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX rate_headroom_bucket ON rate_headroom (exchange, egress, bucket, coalesce(account_id, 0));

-- Markets may have symbols of the same name. Signals are bounded and computed anew, so the table is made anew too.
CREATE TABLE signals_of_markets (
    market       TEXT NOT NULL DEFAULT '',
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
    PRIMARY KEY (market, strategy_id, symbol, timeframe, bar_close_at)
) STRICT, WITHOUT ROWID;

INSERT INTO signals_of_markets (strategy_id, symbol, timeframe, bar_close_at, price, entry, exit_long, exit_short,
                                confidence, reason, conditions, expires_at)
SELECT strategy_id, symbol, timeframe, bar_close_at, price, entry, exit_long, exit_short, confidence, reason,
       conditions, expires_at
FROM signals;

DROP TABLE signals;
ALTER TABLE signals_of_markets RENAME TO signals;
CREATE INDEX signals_at ON signals (bar_close_at);
