-- Several markets in one database: each exchange has its own prices, rules and signals, also of a symbol that another
-- has too. The market '' is the one that a tape or the synthetic market plays to everybody.
CREATE TABLE market_instruments (
    market       TEXT NOT NULL DEFAULT '',
    symbol       TEXT NOT NULL,
    tick         TEXT NOT NULL,
    step         TEXT NOT NULL,
    min_qty      TEXT NOT NULL,
    min_notional TEXT NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (market, symbol)
) STRICT, WITHOUT ROWID;
INSERT INTO market_instruments SELECT '', * FROM instruments;
DROP TABLE instruments;
ALTER TABLE market_instruments RENAME TO instruments;

CREATE TABLE market_prices (
    market TEXT NOT NULL DEFAULT '',
    symbol TEXT NOT NULL,
    price  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (market, symbol)
) STRICT, WITHOUT ROWID;
INSERT INTO market_prices SELECT '', * FROM prices;
DROP TABLE prices;
ALTER TABLE market_prices RENAME TO prices;

-- The market whose prices the account trades at.
ALTER TABLE account_state ADD COLUMN market TEXT NOT NULL DEFAULT '';

-- What the exchange said of the account when it was last asked: hedge or one_way; NULL: not asked since the key changed.
ALTER TABLE accounts ADD COLUMN position_mode_told TEXT CHECK (position_mode_told IN ('hedge', 'one_way'));

-- A person has said that a key which can withdraw may be used all the same.
ALTER TABLE accounts ADD COLUMN withdraw_key_allowed INTEGER NOT NULL DEFAULT 0 CHECK (withdraw_key_allowed IN (0, 1));
