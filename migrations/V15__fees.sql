-- Fees in their own asset.

-- 1: paid in another asset than the cash (BNB, BGB), so that the cash is as it was. Fills booked before there was this
-- column were all booked as if paid from the cash, and stay so: the cash of their accounts was set right since.
ALTER TABLE fills ADD COLUMN fee_in_kind INTEGER NOT NULL DEFAULT 0 CHECK (fee_in_kind IN (0, 1));
-- What one of that asset was worth in quote currency when the fill was booked; NULL where nobody knew.
ALTER TABLE fills ADD COLUMN fee_price TEXT;

CREATE INDEX fills_fee_in_kind ON fills (at, account_id, bot_id, dry_run, position_id, fee, fee_asset, fee_price)
    WHERE fee_in_kind = 1;
