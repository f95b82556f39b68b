//! Parameter search: many backtests of one strategy, and what can be believed of the best.
//!
//! [`space`] says what is tried, [`search`] in which order, [`windows`] on which bars; [`study`] plays each trial
//! through [`crate::backtest`] on all cores, and [`report`] judges what came of it. Nothing here knows a command line;
//! what is stored is [`crate::store::research`]'s business.
//!
//! Invariant: the same study and seed give the same trials and the same figures, whatever the number of cores and
//! however often it was interrupted. So no decision depends on which trial happened to end first: a search is asked for
//! a batch, and asked again when all of it is done.

pub mod figures;
pub mod marks;
pub mod objective;
pub mod overfit;
pub mod ranking;
pub mod report;
pub mod search;
pub mod sensitivity;
pub mod space;
pub mod study;
pub mod windows;
