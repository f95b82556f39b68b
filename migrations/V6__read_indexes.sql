-- What the read commands look for; each answers from an index on a ledger of any size.

-- Open positions (closed_at IS NULL), results by account and bot, trades by the time they ended.
CREATE INDEX bot_positions_closed ON bot_positions (closed_at, account_id, bot_id, dry_run, realized_pnl, fees);
CREATE INDEX bot_positions_opened ON bot_positions (opened_at, account_id, id);
-- What a bot held at some time.
CREATE INDEX bot_positions_life ON bot_positions (bot_id, symbol, opened_at);
CREATE INDEX orders_decided ON orders (decided_at, account_id, client_order_id);
CREATE INDEX fills_order ON fills (client_order_id);
-- Daily results without a look at the rows.
CREATE INDEX fills_at ON fills (at, account_id, bot_id, dry_run, realized_pnl, fee);
