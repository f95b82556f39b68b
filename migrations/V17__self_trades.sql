-- Two orders of one account may trade with each other. Both of their fills carry the same trade id, so that a fill is told
-- from a repeat by its order too.

CREATE TABLE fills_by_order (
    account_id      INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    symbol          TEXT NOT NULL,
    trade_id        TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    bot_id          INTEGER REFERENCES bot_instances (id) ON DELETE SET NULL,
    position_id     TEXT,
    side            TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    position_side   TEXT NOT NULL CHECK (position_side IN ('long', 'short')),
    price           TEXT NOT NULL,
    qty             TEXT NOT NULL,
    fee             TEXT NOT NULL,
    fee_asset       TEXT NOT NULL,
    liquidity       TEXT NOT NULL CHECK (liquidity IN ('maker', 'taker')),
    -- Profit or loss this fill realized, before its fee; 0 for fills that add.
    realized_pnl    TEXT NOT NULL,
    dry_run         INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    at              INTEGER NOT NULL,
    -- The place of a fill in the order the account's fills were booked; 0 for fills booked before there were numbers.
    -- Exchanges may tell fills in another order than they happened.
    number          INTEGER NOT NULL DEFAULT 0,
    -- 1: paid in another asset than the cash (BNB, BGB), so that the cash is as it was. Fills booked before there was
    -- this column were all booked as if paid from the cash.
    fee_in_kind     INTEGER NOT NULL DEFAULT 0 CHECK (fee_in_kind IN (0, 1)),
    -- What one of that asset was worth in quote currency when the fill was booked; NULL where nobody knew.
    fee_price       TEXT,
    PRIMARY KEY (account_id, symbol, trade_id, client_order_id)
) STRICT, WITHOUT ROWID;

INSERT INTO fills_by_order (account_id, symbol, trade_id, client_order_id, bot_id, position_id, side, position_side, price,
        qty, fee, fee_asset, liquidity, realized_pnl, dry_run, at, number, fee_in_kind, fee_price)
    SELECT account_id, symbol, trade_id, client_order_id, bot_id, position_id, side, position_side, price,
        qty, fee, fee_asset, liquidity, realized_pnl, dry_run, at, number, fee_in_kind, fee_price
    FROM fills;
DROP TABLE fills;
ALTER TABLE fills_by_order RENAME TO fills;

CREATE INDEX fills_position ON fills (position_id);
CREATE INDEX fills_bot ON fills (bot_id);
CREATE INDEX fills_order ON fills (client_order_id);
-- Daily results without a look at the rows.
CREATE INDEX fills_at ON fills (at, account_id, dry_run, realized_pnl, fee);
CREATE INDEX fills_fee_in_kind ON fills (at, account_id, bot_id, dry_run, position_id, fee, fee_asset, fee_price)
    WHERE fee_in_kind = 1;
-- A bot's part of a forced close (`P9/2`) is booked under an order made for it, which is another one each time: it is
-- told from a repeat by its trade alone.
CREATE UNIQUE INDEX fills_forced ON fills (account_id, symbol, trade_id) WHERE instr(trade_id, '/') > 0;

CREATE TABLE grid_fills_by_order (
    id              INTEGER PRIMARY KEY,
    grid_config_id  INTEGER NOT NULL REFERENCES grid_bot_configs (bot_id) ON DELETE CASCADE,
    grid_index      INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    trade_id        TEXT NOT NULL,
    side            TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    price           TEXT NOT NULL,
    qty             TEXT NOT NULL,
    fee             TEXT NOT NULL,
    -- Of what was closed, after the fees of both sides; NULL for what was opened.
    profit          TEXT,
    dry_run         INTEGER NOT NULL DEFAULT 1 CHECK (dry_run IN (0, 1)),
    at              INTEGER NOT NULL,
    UNIQUE (grid_config_id, trade_id, client_order_id, grid_index)
) STRICT;

INSERT INTO grid_fills_by_order (id, grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit,
        dry_run, at)
    SELECT id, grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit, dry_run, at
    FROM grid_fills;
DROP TABLE grid_fills;
ALTER TABLE grid_fills_by_order RENAME TO grid_fills;

CREATE TRIGGER grid_fills_no_update BEFORE UPDATE ON grid_fills
BEGIN SELECT RAISE(ABORT, 'grid_fills is append-only'); END;
