//! The account machine against a matching book, both in process and driven bar by bar.
//!
//! One bar is one minute. Each bar is matched first, what happened is told to the machine, then the machine gets its
//! cycle: an entry decided at minute n fills at the open of the bar that closes at minute n + 1.

mod cash;
mod chasing;
mod dca;
mod exchange;
mod exits;
mod fees;
mod fixtures;
mod grid_beginnings;
mod grid_models;
mod grid_properties;
mod grid_repairs;
mod grid_setup;
mod grids;
mod guards;
mod halts;
mod late_answers;
mod live;
mod observation;
mod orders;
mod properties;
mod protection;
mod reconciling;
mod reversals;
mod rig;
mod script;
mod sharing;
mod sizing;
mod unheard;
