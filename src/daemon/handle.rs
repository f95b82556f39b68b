//! An account's way to what it trades on: its paper book, or its real exchange.

use std::sync::Arc;

use super::pace::Configuration;
use super::roster;
use crate::exchange::Exchange;
use crate::exchange::faults::PaperAccount;

pub enum Handle {
    Paper(Box<PaperAccount>),
    Live(Box<dyn Exchange>),
}

impl Handle {
    pub fn exchange(&self) -> &dyn Exchange {
        match self {
            Self::Paper(paper) => paper.as_ref(),
            Self::Live(live) => live.as_ref(),
        }
    }

    pub fn exchange_mut(&mut self) -> &mut dyn Exchange {
        match self {
            Self::Paper(paper) => paper.as_mut(),
            Self::Live(live) => live.as_mut(),
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
