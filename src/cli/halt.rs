//! `halt` and `resume`.

use clap::Args;

use super::write::{self, WriteArgs};
use super::{CliError, Context};
use crate::control::{Command, Selection};

#[derive(Debug, Args)]
pub(super) struct HaltArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Close all positions as well
    #[arg(long)]
    flatten: bool,
    /// Why, for the audit log
    #[arg(long, default_value = "by hand", value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(Debug, Args)]
#[group(required = true)]
struct WhichArgs {
    /// Accounts
    #[arg(value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// The accounts that carry this tag
    #[arg(long, value_name = "TAG", conflicts_with = "accounts")]
    tag: Option<String>,
    /// All accounts
    #[arg(long, conflicts_with_all = ["accounts", "tag"])]
    all: bool,
}

impl WhichArgs {
    fn selection(&self) -> Selection {
        match &self.tag {
            Some(tag) => Selection::Tagged(tag.clone()),
            None if self.all => Selection::All,
            None => Selection::Named(self.accounts.clone()),
        }
    }
}

pub(super) fn halt(args: &HaltArgs, context: &Context) -> Result<(), CliError> {
    let command = Command::Halt {
        accounts: args.which.selection(),
        flatten: args.flatten,
        reason: args.reason.clone(),
    };
    write::run(context, &command, args.write)
}

pub(super) fn resume(args: &ResumeArgs, context: &Context) -> Result<(), CliError> {
    write::run(context, &Command::Resume { accounts: args.which.selection() }, args.write)
}
