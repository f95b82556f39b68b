-- What was told is looked for by its age, and what was not by itself: neither goes through the rows of a month.

CREATE INDEX outbox_told ON outbox (sent_at) WHERE status <> 'pending';
CREATE INDEX telegram_replies_left ON telegram_replies (created_at) WHERE status <> 'pending';
-- The oldest is asked for each second; what was there was ordered by a time that nobody asks for.
DROP INDEX outbox_pending;
CREATE INDEX outbox_pending ON outbox (id) WHERE status = 'pending';

-- When a day was summed up last: the next summary begins there. Beside the day, which alone says whether one is due.
ALTER TABLE telegram_bots ADD COLUMN daily_told_at INTEGER;
