//! The `tradefleet` program: hands its arguments to [`tradefleet::cli`] and returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tradefleet::cli::main(std::env::args_os())
}
