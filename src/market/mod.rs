//! Where market data comes from: candle files (a tape) or a synthetic market, as one stream of steps in time order.
//!
//! Synchronous: it reads files and computes, but knows no network, no clock and no account. What leaves this module
//! is checked: candles are valid, on the grid of their timeframe and strictly ordered. See `docs/market.md`.

pub mod aggregate;
pub mod candle_export;
pub mod candle_file;
pub mod candle_store;
pub mod column_file;
pub mod columns;
pub mod coverage;
pub mod feed;
pub mod finding;
pub mod instruments;
pub mod live_bars;
pub mod merge;
pub mod part_file;
pub mod series;
pub mod synthetic;
pub mod tape;
pub mod tape_name;

pub(crate) mod pcg;

mod candle_text;
mod join;
mod price_range;
mod source;
