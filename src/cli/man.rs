//! `man [DIR]`: the manual pages, one a command.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, CliError, Context};

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Folder to write a page for every command to; without it the main page is printed
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, context: &Context) -> Result<(), CliError> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|error| CliError::file("the manual page".as_ref(), &error))?;
        return context.out.raw(&String::from_utf8_lossy(&page));
    };
    std::fs::create_dir_all(dir).map_err(|error| CliError::file(dir, &error))?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(|error| CliError::file(dir, &error))?;
    context.out.note(format!("manual pages written to {}", dir.display()));
    Ok(())
}
