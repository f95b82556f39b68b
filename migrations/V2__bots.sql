-- Strategies, bots and the limits that hold whoever writes.

CREATE TABLE strategies (
    id         INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
    name       TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    kind       TEXT NOT NULL CHECK (kind IN ('ema_cross', 'momentum', 'macd', 'ai_trend')),
    -- Only the parameters that differ from the kind's defaults; a JSON object.
    params     TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params)),
    -- NULL: the finest timeframe the market feed has.
    timeframe  TEXT,
    is_builtin INTEGER NOT NULL DEFAULT 0 CHECK (is_builtin IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

INSERT INTO strategies (name, kind, is_builtin, created_at, updated_at) VALUES
    ('ema_cross', 'ema_cross', 1, 0, 0),
    ('momentum', 'momentum', 1, 0, 0),
    ('macd', 'macd', 1, 0, 0),
    ('ai_trend', 'ai_trend', 1, 0, 0);

CREATE TABLE bot_instances (
    id                  INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
    account_id          INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    strategy_id         INTEGER REFERENCES strategies (id) ON DELETE SET NULL,
    name                TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    description         TEXT NOT NULL DEFAULT '',
    bot_type            TEXT NOT NULL DEFAULT 'ai_trend' CHECK (bot_type IN ('ai_trend', 'grid')),
    -- At most four decimals, so that the sum below is exact.
    allocation_percent  TEXT NOT NULL DEFAULT '10' CHECK (
        CAST(allocation_percent AS REAL) > 0 AND CAST(allocation_percent AS REAL) <= 100),
    symbol              TEXT NOT NULL DEFAULT 'BTCUSDT',
    max_leverage        INTEGER NOT NULL DEFAULT 10 CHECK (max_leverage BETWEEN 1 AND 100),
    max_positions       INTEGER NOT NULL DEFAULT 3 CHECK (max_positions BETWEEN 1 AND 20),
    -- NULL: inherit from the strategy, else from the account.
    stop_loss_percent   TEXT DEFAULT '5.0' CHECK (
        stop_loss_percent IS NULL OR (CAST(stop_loss_percent AS REAL) > 0 AND CAST(stop_loss_percent AS REAL) < 100)),
    take_profit_percent TEXT DEFAULT '10.0' CHECK (
        take_profit_percent IS NULL OR (CAST(take_profit_percent AS REAL) > 0 AND CAST(take_profit_percent AS REAL) <= 1000)),
    telegram_notify     INTEGER NOT NULL DEFAULT 1 CHECK (telegram_notify IN (0, 1)),
    is_running          INTEGER NOT NULL DEFAULT 0 CHECK (is_running IN (0, 1)),
    is_active           INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    -- Close what it holds, by a person's word; cleared when it is flat.
    close_requested     INTEGER NOT NULL DEFAULT 0 CHECK (close_requested IN (0, 1)),
    last_started_at     INTEGER,
    last_stopped_at     INTEGER,
    last_trade_at       INTEGER,
    last_error          TEXT,
    -- Projections of the fills; `db check` recomputes them.
    total_trades        INTEGER NOT NULL DEFAULT 0,
    winning_trades      INTEGER NOT NULL DEFAULT 0,
    total_pnl           TEXT NOT NULL DEFAULT '0',
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX bot_instances_name ON bot_instances (account_id, name) WHERE is_active = 1;
CREATE INDEX bot_instances_account ON bot_instances (account_id);

-- No writer can break these. Sums are in units of 0.0001 %, so they are exact.
CREATE TRIGGER bot_limits_insert BEFORE INSERT ON bot_instances WHEN NEW.is_active = 1
BEGIN
    SELECT RAISE(ABORT, 'limit: at most 10 active bots an account')
    WHERE (SELECT count(*) FROM bot_instances WHERE account_id = NEW.account_id AND is_active = 1) >= 10;
    SELECT RAISE(ABORT, 'limit: allocations of an account''s active bots exceed 100 %')
    WHERE (SELECT coalesce(sum(CAST(round(CAST(allocation_percent AS REAL) * 10000) AS INTEGER)), 0)
           FROM bot_instances WHERE account_id = NEW.account_id AND is_active = 1)
        + CAST(round(CAST(NEW.allocation_percent AS REAL) * 10000) AS INTEGER) > 1000000;
END;

CREATE TRIGGER bot_limits_update BEFORE UPDATE OF allocation_percent, is_active, account_id ON bot_instances
WHEN NEW.is_active = 1
BEGIN
    SELECT RAISE(ABORT, 'limit: at most 10 active bots an account')
    WHERE (SELECT count(*) FROM bot_instances
           WHERE account_id = NEW.account_id AND is_active = 1 AND id <> OLD.id) >= 10;
    SELECT RAISE(ABORT, 'limit: allocations of an account''s active bots exceed 100 %')
    WHERE (SELECT coalesce(sum(CAST(round(CAST(allocation_percent AS REAL) * 10000) AS INTEGER)), 0)
           FROM bot_instances WHERE account_id = NEW.account_id AND is_active = 1 AND id <> OLD.id)
        + CAST(round(CAST(NEW.allocation_percent AS REAL) * 10000) AS INTEGER) > 1000000;
END;

CREATE TABLE grid_bot_configs (
    bot_id             INTEGER PRIMARY KEY REFERENCES bot_instances (id) ON DELETE CASCADE,
    lower_price        TEXT NOT NULL,
    upper_price        TEXT NOT NULL,
    grid_count         INTEGER NOT NULL CHECK (grid_count BETWEEN 2 AND 100),
    grid_mode          TEXT NOT NULL CHECK (grid_mode IN ('arithmetic', 'geometric')),
    total_investment   TEXT NOT NULL,
    per_grid_amount    TEXT NOT NULL,
    trigger_price      TEXT,
    stop_upper         TEXT,
    stop_lower         TEXT,
    current_price      TEXT,
    active_buy_orders  INTEGER NOT NULL DEFAULT 0,
    active_sell_orders INTEGER NOT NULL DEFAULT 0,
    filled_buy_count   INTEGER NOT NULL DEFAULT 0,
    filled_sell_count  INTEGER NOT NULL DEFAULT 0,
    realized_profit    TEXT NOT NULL DEFAULT '0',
    CHECK (CAST(lower_price AS REAL) > 0 AND CAST(lower_price AS REAL) < CAST(upper_price AS REAL))
) STRICT;

CREATE TABLE grid_orders (
    id             INTEGER PRIMARY KEY,
    grid_config_id INTEGER NOT NULL REFERENCES grid_bot_configs (bot_id) ON DELETE CASCADE,
    grid_index     INTEGER NOT NULL CHECK (grid_index BETWEEN 0 AND 99),
    grid_price     TEXT NOT NULL,
    buy_order_id   TEXT,
    sell_order_id  TEXT,
    status         TEXT NOT NULL DEFAULT 'pending' CHECK (
        status IN ('pending', 'buy_placed', 'buy_filled', 'sell_placed', 'sell_filled')),
    buy_price      TEXT,
    buy_qty        TEXT,
    buy_filled_at  INTEGER,
    sell_price     TEXT,
    sell_qty       TEXT,
    sell_filled_at INTEGER,
    profit         TEXT NOT NULL DEFAULT '0',
    UNIQUE (grid_config_id, grid_index)
) STRICT;

CREATE TABLE grid_fills (
    id              INTEGER PRIMARY KEY,
    grid_config_id  INTEGER NOT NULL REFERENCES grid_bot_configs (bot_id) ON DELETE CASCADE,
    grid_index      INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    trade_id        TEXT NOT NULL,
    side            TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    price           TEXT NOT NULL,
    qty             TEXT NOT NULL,
    fee             TEXT NOT NULL,
    profit          TEXT,
    at              INTEGER NOT NULL,
    UNIQUE (grid_config_id, trade_id)
) STRICT;

CREATE TRIGGER grid_fills_no_update BEFORE UPDATE ON grid_fills
BEGIN SELECT RAISE(ABORT, 'grid_fills is append-only'); END;
