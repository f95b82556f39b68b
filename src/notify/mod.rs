//! What people are told beside the command line.

pub mod chart;
