//! Accounts steered from their chats.
//!
//! [`grammar`] reads what a person wrote, [`gate`] says whether that person may, [`desk`] obeys in one transaction with
//! the number of the update and the answer, [`poller`] brings the updates of one bot, `courier` takes the answers away, and
//! [`switchboard`] has a poller for every bot that an account has.

pub mod answer;
pub mod api;
pub mod desk;
pub mod gate;
pub mod grammar;
pub mod incoming;
pub mod poller;
pub mod switchboard;

mod charted;
mod courier;
mod menu;
mod pace;
pub(super) mod replies;
mod risk;
mod table;
pub(super) mod views;
