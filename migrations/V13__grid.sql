-- Grids, whole: what an operator may ask of one, beside V2's columns.

ALTER TABLE grid_bot_configs ADD COLUMN direction TEXT NOT NULL DEFAULT 'long'
    CHECK (direction IN ('long', 'short', 'neutral'));
-- Trade at the start what the lines on the far side of the price would close.
ALTER TABLE grid_bot_configs ADD COLUMN buy_in INTEGER NOT NULL DEFAULT 0 CHECK (buy_in IN (0, 1));
-- A stop closes what is held; else it stays.
ALTER TABLE grid_bot_configs ADD COLUMN close_on_stop INTEGER NOT NULL DEFAULT 0 CHECK (close_on_stop IN (0, 1));
ALTER TABLE grid_bot_configs ADD COLUMN leverage INTEGER NOT NULL DEFAULT 1 CHECK (leverage BETWEEN 1 AND 100);
-- The stop of the whole holding rests at the exchange too.
ALTER TABLE grid_bot_configs ADD COLUMN exchange_stop INTEGER NOT NULL DEFAULT 0 CHECK (exchange_stop IN (0, 1));
-- When a person last asked for the ladder, the exchange and the ledger to be compared and mended.
ALTER TABLE grid_bot_configs ADD COLUMN repair_asked_at INTEGER;

-- One trade may open several lines at once (a buy-in): a row for each of them.
CREATE TABLE grid_fills_by_line (
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
    UNIQUE (grid_config_id, trade_id, grid_index)
) STRICT;

INSERT INTO grid_fills_by_line
    (id, grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit, at)
    SELECT id, grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit, at FROM grid_fills;
DROP TABLE grid_fills;
ALTER TABLE grid_fills_by_line RENAME TO grid_fills;

CREATE TRIGGER grid_fills_no_update BEFORE UPDATE ON grid_fills
BEGIN SELECT RAISE(ABORT, 'grid_fills is append-only'); END;
