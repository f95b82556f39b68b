-- Parameter searches: what was searched, every trial, and its figures of every window.

CREATE TABLE optimize_runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  INTEGER NOT NULL,
    -- NULL: trials are missing.
    finished_at INTEGER,
    strategy    TEXT NOT NULL,
    method      TEXT NOT NULL,
    objective   TEXT NOT NULL,
    -- Trials there will be.
    planned     INTEGER NOT NULL CHECK (planned > 0),
    -- Everything that was asked for: enough to go on after an interruption.
    spec        TEXT NOT NULL CHECK (json_valid(spec)),
    -- Of the candles and of the account: what goes on must be the same.
    candles     TEXT NOT NULL,
    setup       TEXT NOT NULL
) STRICT;

CREATE TABLE optimize_trials (
    run_id INTEGER NOT NULL REFERENCES optimize_runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number > 0),
    -- The searched values, in the order of the spec.
    params TEXT NOT NULL CHECK (json_valid(params)),
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

-- One backtest. Fractions: 0.01 is 1 %. NULL: not defined.
CREATE TABLE optimize_windows (
    run_id        INTEGER NOT NULL,
    trial         INTEGER NOT NULL,
    window        INTEGER NOT NULL CHECK (window > 0),
    sample        TEXT NOT NULL CHECK (sample IN ('in', 'out')),
    from_ms       INTEGER NOT NULL,
    to_ms         INTEGER NOT NULL,
    trades        INTEGER NOT NULL,
    wins          INTEGER NOT NULL,
    liquidations  INTEGER NOT NULL,
    -- Exact decimals.
    final_equity  TEXT NOT NULL,
    fees          TEXT NOT NULL,
    total_return  REAL NOT NULL,
    max_drawdown  REAL NOT NULL,
    exposure      REAL NOT NULL,
    cagr          REAL,
    sharpe        REAL,
    sortino       REAL,
    calmar        REAL,
    profit_factor REAL,
    expectancy    REAL,
    win_rate      REAL,
    -- Of daily returns: how many, and their third and fourth standardised moments.
    days          INTEGER NOT NULL,
    skewness      REAL NOT NULL,
    kurtosis      REAL NOT NULL,
    PRIMARY KEY (run_id, trial, window, sample),
    FOREIGN KEY (run_id, trial) REFERENCES optimize_trials (run_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
