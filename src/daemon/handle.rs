//! An account's way to what it trades on: its paper book, or its real exchange.

use std::sync::Arc;

use super::pace::Configuration;
use super::roster::{self, Access};
use crate::domain::side::PositionMode;
use crate::exchange::Exchange;
use crate::exchange::assess::{Expected, assess};
use crate::exchange::dialect::NoHandle;
use crate::exchange::faults::PaperAccount;
use crate::exchange::report::AccountProfile;

pub enum Handle {
    Paper(Box<PaperAccount>),
    Live(LiveHandle),
}

impl Handle {
    pub fn exchange(&self) -> &dyn Exchange {
        match self {
            Self::Paper(paper) => paper.as_ref(),
            Self::Live(live) => live.exchange(),
        }
    }

    pub fn exchange_mut(&mut self) -> &mut dyn Exchange {
        match self {
            Self::Paper(paper) => paper.as_mut(),
            Self::Live(live) => live.exchange_mut(),
        }
    }

    /// Whether it answers in real time. A paper book is played bar by bar.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// Takes over changed settings. The venue in them becomes what this exchange really offers: an open book keeps the
    /// position mode it was opened with, whatever the settings say by now.
    pub fn configure(&mut self, configuration: &mut Configuration) {
        if let Self::Paper(paper) = self {
            paper.set_faults(roster::faults(&configuration.paper));
            paper.inner_mut().set_terms(&roster::book_config(&configuration.paper));
            paper.inner_mut().set_instruments(Arc::clone(&configuration.account.instruments));
        }
        let venue = &mut configuration.account.venue;
        *venue = roster::venue(venue.spot, self.exchange().capabilities());
    }
}

/// Opens the account anew in a position mode.
pub type Reopen = Box<dyn Fn(PositionMode) -> Result<Box<dyn Exchange>, NoHandle> + Send>;

/// A real account. Until it is identified nobody knows whose it is, and nothing is sent but the question.
pub struct LiveHandle {
    exchange: Box<dyn Exchange>,
    reopen: Reopen,
    expected: Expected,
    is_identified: bool,
}

impl LiveHandle {
    /// An account whose position mode is known was identified before.
    pub fn new(access: &Access, reopen: Reopen) -> Result<Self, NoHandle> {
        let mode = access.position_mode;
        Ok(Self {
            exchange: reopen(mode.unwrap_or(PositionMode::OneWay))?,
            reopen,
            expected: Expected {
                uid: access.pinned_uid.clone(),
                withdraw_key_allowed: access.withdraw_key_allowed,
            },
            is_identified: mode.is_some(),
        })
    }

    pub fn exchange(&self) -> &dyn Exchange {
        self.exchange.as_ref()
    }

    pub fn exchange_mut(&mut self) -> &mut dyn Exchange {
        self.exchange.as_mut()
    }

    pub const fn is_identified(&self) -> bool {
        self.is_identified
    }

    /// Takes over what the exchange says of the account.
    ///
    /// # Errors
    /// Why these keys must not be used.
    pub fn identify(&mut self, profile: &AccountProfile) -> Result<(), String> {
        if let Some(finding) = assess(profile, &self.expected).into_iter().find(|finding| finding.is_fatal) {
            return Err(format!("{}: {}", finding.what, finding.fix));
        }
        if let Some(mode) = profile.position_mode {
            self.exchange = (self.reopen)(mode).map_err(|error| error.to_string())?;
        }
        self.is_identified = true;
        Ok(())
    }
}
