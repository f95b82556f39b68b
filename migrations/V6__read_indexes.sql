-- What the read commands look for; each answers from an index on a ledger of any size.

-- Results by account and bot, without a look at the rows.
CREATE INDEX bot_positions_results ON bot_positions (account_id, bot_id, dry_run, closed_at, realized_pnl, fees);
-- Open positions (closed_at IS NULL), and trades by the time they ended.
CREATE INDEX bot_positions_closed ON bot_positions (closed_at, account_id, dry_run, realized_pnl, fees);
CREATE INDEX bot_positions_opened ON bot_positions (opened_at, account_id, id);
-- What a bot held at some time; begins with bot_id, so it replaces the index on that alone.
CREATE INDEX bot_positions_life ON bot_positions (bot_id, symbol, opened_at);
DROP INDEX bot_positions_bot;
CREATE INDEX orders_decided ON orders (decided_at, account_id, client_order_id);
CREATE INDEX fills_order ON fills (client_order_id);
-- Daily results without a look at the rows.
CREATE INDEX fills_at ON fills (at, account_id, dry_run, realized_pnl, fee);
