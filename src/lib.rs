//! A headless trading daemon: it loads the active accounts of a SQLite database, computes the market's signals once per
//! cycle, and fans them out to one isolated executor per account.
//!
//! This page is the architecture. Each module's own page says the rest.
//!
//! # The way of the data
//!
//! ```text
//! a tape (market::feed), or an exchange's candles (daemon::live_market):
//! market ──> MarketStep ──> daemon::analyst ──> Arc<Cycle{prices, signals, gates, universe}>   once per cycle
//!                                                          │ daemon::pace: one mailbox an account
//! one daemon::executor an account:                         ▼
//!     exchange.next_event(step) ──> engine::event ──> AccountMachine::handle(now, event)             pure
//!                                                          │ Turn{records, requests}
//!                                    store::writer <── records      one transaction, group-committed, durable
//!                                    exchange      <── requests     only then; answers are events again
//!     a real exchange tells by itself what happens: executor listens between cycles, and compares now and then
//! control: the CLI writes rows, an audit entry and a command in one transaction; the daemon notices, takes over, answers
//! ```
//!
//! # Reading order
//!
//! [`domain`] has the words. [`engine`] decides for one account: read `event`, `turn`, then `machine`. [`matching`] is the
//! book that the paper exchange trades on. [`signal`] and [`strategy`] say what the market's candles mean. These five are
//! **pure**: no I/O, no clock, no randomness, not async. The rest is the shell: [`market`] brings candles, [`exchange`]
//! carries orders (one room a dialect: pure makers and readers of messages below, the account above), [`store`] keeps everything, [`backup`] copies it, [`vault`] seals keys, [`daemon`] wires them and keeps time, [`control`]
//! applies what people want, [`cli`] is on top. [`simulator`] is an exchange of its own for rehearsals: [`matching`]
//! behind the real wire protocols; nothing but the command line knows it. [`backtest`] plays candles through the same
//! machine, book and strategies as fast as memory gives them; [`optimize`] does so for many parameter sets.
//!
//! # Invariants, mostly about what is absent
//!
//! - No order leaves without a durable journal row; an intent becomes at most one order, across lost answers and crashes.
//!   An answer that is neither an acceptance nor a refusal leaves the order *unknown*, and unknown is resolved by asking.
//! - Each fill is booked once. Positions, cash, profit and statistics follow from the fills, to the last digit; nothing
//!   else changes them, and `db check` recomputes them.
//! - The same configuration, saved state and events give the same turns, byte for byte: a run that is killed and
//!   restarted at any moment ends with the same trades as one that was left alone.
//! - What an account does cannot reach another: no shared state but the immutable cycle, no `?` across accounts, no lock
//!   held while deciding. A panic ends one task; that account is quarantined until a person resumes it, which is why
//!   the release profile unwinds.
//! - Money is [`rust_decimal::Decimal`] inside types that cannot be mixed up; binary floating point lives only in
//!   `signal`, `strategy` and the synthetic market.
//! - An account in dry run has no handle of a real exchange at all, so nothing it does can reach one.
//! - Only [`clock`] reads the wall clock (and `daemon::timer` for housekeeping). Executors live in the time that
//!   `daemon::pace` hands them: virtual on a tape, real on an exchange.
//! - `exchange`, `store` and `market` do not know each other; `store` holds every statement of SQL; only the
//!   command line prints.
//! - Nothing is closed without auto_exit except by a person's word: a halt with flatten, a bot's close request.
//!
//! `tests/tidy.rs` checks the directions between these rooms.

pub mod domain;
pub mod engine;
pub mod matching;
pub mod signal;
pub mod strategy;

pub mod backtest;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod exchange;
pub mod market;
pub mod notify;
pub mod optimize;
pub mod simulator;
pub mod store;
pub mod vault;
