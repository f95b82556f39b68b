//! The running fleet.
mod answers;
mod counters;
mod executor;
mod pace;
mod roster;
