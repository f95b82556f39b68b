//! A thousand accounts in a home, most of which trade with money on the local exchange, and who of them will fail.

use std::fmt::Write;

use super::home::Home;
use super::market;

/// Margin, leverage and balance are such that each order is a small part of its account.
const BALANCE: &str = "1000000";
/// A bar that turns takes every position out at the exchange; its close brings the next.
const SETTINGS: &str = "auto_exit = true\nexit_cooldown_h = 0\nlong_sl_pct = 1\nshort_sl_pct = 1\nlong_tp_pct = 50\n\
                        short_tp_pct = 50\n";

/// Accounts are numbered from 1, as their ids are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) accounts: u32,
    pub(crate) faulty: u32,
}

/// What goes wrong with some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    Hung,
    Banned,
    Panicking,
}

impl Trouble {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "all well",
            Self::Hung => "hung",
            Self::Banned => "banned",
            Self::Panicking => "panicking",
        }
    }
}

impl Crowd {
    /// Ways out: as many accounts share each as will be in trouble, so that one banned address is as many accounts.
    const fn ways(self) -> u32 {
        self.accounts.div_ceil(self.faulty)
    }

    /// The address that will be banned: that of the last account.
    pub(crate) fn banned_address(self) -> String {
        address(self.accounts % self.ways())
    }

    /// Whom a trouble meets. Those that hang share their ways out with others; those that panic are in dry run, where a
    /// panic can be ordered.
    pub(crate) fn meets(self, trouble: Trouble, number: u32) -> bool {
        match trouble {
            Trouble::None => false,
            Trouble::Hung => number <= self.faulty,
            Trouble::Panicking => number > self.faulty && number <= 2 * self.faulty,
            Trouble::Banned => number % self.ways() == self.accounts % self.ways(),
        }
    }

    /// Whether no trouble ever meets it.
    pub(crate) fn is_spared(self, number: u32) -> bool {
        [Trouble::Hung, Trouble::Banned, Trouble::Panicking]
            .iter()
            .all(|trouble| !self.meets(*trouble, number))
    }

    pub(crate) fn met_by(self, trouble: Trouble) -> impl Iterator<Item = String> {
        (1..=self.accounts)
            .filter(move |number| self.meets(trouble, *number))
            .map(|number| format!("a{number}"))
    }

    pub(crate) fn exchange_accounts(self) -> String {
        format!("[generate]\nbinance = {}\nbalance = \"{BALANCE}\"\n\n[limits]\noff = true\n", self.accounts)
    }

    /// The daemon's configuration.
    pub(crate) fn configuration(self, base: &str, health: &str) -> String {
        let socket = base.replace("http://", "ws://");
        let ways = (0..self.ways()).map(|way| format!("\"{}\"", address(way))).collect::<Vec<_>>().join(", ");
        format!(
            "[binance]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\naccount_url = \"{base}\"\n\
             [live]\nlimit_sockets = false\negress = [{ways}]\n\
             [http]\nlisten = \"{health}\"\n[gates]\nenabled = false\n[universe]\ntop_n = 0\nanchors = []\n"
        )
    }

    pub(crate) fn populate(self, home: &Home) -> anyhow::Result<()> {
        let file = home.path("fleet.toml");
        std::fs::write(&file, self.fleet_file()?)?;
        for number in 1..=self.accounts {
            for (kind, text) in [("key", "key"), ("secret", "secret")] {
                std::fs::write(home.path(&format!("{kind}-{number}")), format!("{text}-binance-{number}"))?;
            }
        }
        home.run(&format!("account import {}", file.display()))?;
        home.run("account set --tag live dry_run=off --yes")
    }

    fn fleet_file(self) -> anyhow::Result<String> {
        let mut text = String::from(
            "[[strategies]]\nname = \"turn\"\nkind = \"momentum\"\n[strategies.params]\nperiod = 1\nthreshold_pct = 1\n\
             volume_period = 2\nmin_confidence = 0\n",
        );
        for number in 1..=self.accounts {
            let tag = if self.meets(Trouble::Panicking, number) { "paper" } else { "live" };
            write!(
                text,
                "[[accounts]]\nname = \"a{number}\"\nexchange = \"binance\"\ntags = [\"{tag}\"]\n\
                 api_key = \"file:key-{number}\"\napi_secret = \"file:secret-{number}\"\n[accounts.settings]\n{SETTINGS}"
            )?;
            for (symbol, ..) in market::SYMBOLS {
                write!(
                    text,
                    "[[accounts.bots]]\nname = \"{symbol}\"\nstrategy = \"turn\"\nsymbol = \"{symbol}\"\n\
                     allocation_percent = 30\nstart = true\n"
                )?;
            }
        }
        Ok(text)
    }
}

fn address(way: u32) -> String {
    format!("127.0.0.{}", way + 2)
}
