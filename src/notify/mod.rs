//! What people are told beside the command line.

pub mod chart;
pub mod telegram;
pub mod text;
