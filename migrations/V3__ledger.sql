-- The order journal, the fills and what follows from them.

CREATE TABLE bot_positions (
    -- The client order id of the order that opened it.
    id                TEXT PRIMARY KEY,
    account_id        INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- NULL once released to the operator.
    bot_id            INTEGER REFERENCES bot_instances (id) ON DELETE SET NULL,
    symbol            TEXT NOT NULL,
    side              TEXT NOT NULL CHECK (side IN ('long', 'short')),
    leverage          INTEGER NOT NULL,
    qty               TEXT NOT NULL,
    cost              TEXT NOT NULL,
    first_entry_qty   TEXT NOT NULL,
    last_entry_price  TEXT NOT NULL,
    entered_qty       TEXT NOT NULL,
    entered_notional  TEXT NOT NULL,
    exited_qty        TEXT NOT NULL,
    exited_notional   TEXT NOT NULL,
    realized_pnl      TEXT NOT NULL,
    fees              TEXT NOT NULL,
    dca_level         INTEGER NOT NULL DEFAULT 0,
    stop_loss_price   TEXT,
    take_profit_price TEXT,
    protected         INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1)),
    exit_reason       TEXT,
    dry_run           INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
    opened_at         INTEGER NOT NULL,
    closed_at         INTEGER
) STRICT;

CREATE INDEX bot_positions_account ON bot_positions (account_id, closed_at);
CREATE INDEX bot_positions_bot ON bot_positions (bot_id);

CREATE TABLE orders (
    client_order_id   TEXT PRIMARY KEY,
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
    status            TEXT NOT NULL CHECK (status IN ('intended', 'sent', 'unknown', 'open', 'partially_filled',
                                                      'filled', 'cancelled', 'rejected', 'expired')),
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

CREATE INDEX orders_account ON orders (account_id, decided_at);
-- What recovery must ask about.
CREATE INDEX orders_working ON orders (account_id)
    WHERE status IN ('intended', 'sent', 'unknown', 'open', 'partially_filled');

-- One order's life, append-only.
CREATE TABLE order_events (
    id              INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL REFERENCES orders (client_order_id) ON DELETE CASCADE,
    at              INTEGER NOT NULL,
    status          TEXT NOT NULL,
    detail          TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX order_events_order ON order_events (client_order_id, id);

CREATE TABLE fills (
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
    PRIMARY KEY (account_id, symbol, trade_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX fills_position ON fills (position_id);
CREATE INDEX fills_bot ON fills (bot_id);

CREATE TABLE funding_payments (
    account_id  INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    symbol      TEXT NOT NULL,
    exchange_id TEXT NOT NULL,
    bot_id      INTEGER REFERENCES bot_instances (id) ON DELETE SET NULL,
    -- Received when positive.
    amount      TEXT NOT NULL,
    asset       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (account_id, symbol, exchange_id)
) STRICT, WITHOUT ROWID;
