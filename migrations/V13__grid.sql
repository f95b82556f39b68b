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
