//! What people are told beside the command line.

pub mod alerts;
pub mod chart;
pub mod notices;
pub mod telegram;
pub mod text;
