//! Everything that a person can change: one [`Command`], one way to apply it.
//!
//! The CLI, and chats later, build a [`Command`]; [`apply`] checks it, writes the rows, the audit entries and the row
//! that tells a running daemon, all in the caller's transaction. A caller that rolls back has asked "what would
//! happen". Secrets travel beside a command in [`AccountKeys`], never in it.

pub mod command;
pub mod error;
pub mod export;
pub mod grids;
pub mod import;

mod account_values;
mod accounts;
mod apply;
mod bots;
mod candles;
mod grid_edit;
mod halts;
mod names;
mod notices;
mod positions;
mod strategies;
mod telegram;
mod turn;

pub use apply::apply;
pub use command::{Assignment, BotSelection, Command, PositionsChoice, Selection};
pub use error::ControlError;
pub use grid_edit::{GridEdit, MovedExit, PlacedOrder};
pub use notices::keys as notice_keys;
pub use strategies::strategy_params;
pub use turn::{AccountKeys, Applied, Authority, Change};

#[cfg(test)]
mod tests;
