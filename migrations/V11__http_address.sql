-- Where the running daemon answers /health, /ready and /metrics; NULL: nowhere.
ALTER TABLE lease ADD COLUMN http_address TEXT;
