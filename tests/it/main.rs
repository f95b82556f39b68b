//! The program as its operator meets it: the real binary in a temporary home, without network.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed step is a failed test"
)]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod backtest;
mod backtest_grids;
mod bitget;
#[path = "../../examples/stage/books.rs"]
mod books;
mod bot_api;
mod candles;
mod chats;
mod cli_accounts;
mod cli_bots;
mod cli_config;
mod cli_daemon;
mod cli_grid;
mod cli_import;
mod cli_recovery;
mod cli_secrets;
mod cli_store;
mod data;
mod db_check;
mod fleet;
mod grid_repair;
mod grids;
mod harness;
mod operations;
mod optimize;
mod outages;
mod read;
mod run_changes;
mod run_control;
mod run_isolation;
mod run_kill;
mod run_live;
mod run_live_faults;
mod run_refusals;
mod run_story;
mod run_two_bots;
mod secrets_live;
mod simulate;
mod simulator;
mod tellings;
mod torture;
mod upbit;
mod verify;
mod watching;
