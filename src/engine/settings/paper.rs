//! The terms of an account's paper book, and the faults it can be given for a rehearsal.

use serde::{Deserialize, Serialize};

use super::{Raw, SettingError, SettingKey, key};
use crate::domain::money::{Pct, Quote};
use crate::domain::side::PositionMode;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperSettings {
    /// In the quote asset. Takes effect when the book is opened; an open book keeps its balance.
    pub initial_balance: Quote,
    pub quote_asset: String,
    pub position_mode: PositionMode,
    /// Of notional; negative = rebate.
    pub maker_fee_pct: Pct,
    pub taker_fee_pct: Pct,
    /// Against the trader, on market orders and triggered stops.
    pub slippage_pct: Pct,
    /// What one order may take of a bar's volume; `None` = all it needs.
    pub participation_pct: Option<Pct>,
    pub fault_latency_ms: u32,
    /// Calls that fail before they reach the book.
    pub fault_failure_pct: Pct,
    /// Orders that are accepted while their answer is lost.
    pub fault_lost_answer_pct: Pct,
    /// Calls never return.
    pub fault_hang: bool,
    /// The next order or cancel panics.
    pub fault_panic: bool,
}

impl Default for PaperSettings {
    fn default() -> Self {
        let pct =
            |hundredths: i64| Pct::try_new(rust_decimal::Decimal::new(hundredths, 2)).unwrap_or_default();
        Self {
            initial_balance: Quote::new(10_000.into()),
            quote_asset: "USDT".to_owned(),
            position_mode: PositionMode::Hedge,
            maker_fee_pct: pct(2),
            taker_fee_pct: pct(5),
            slippage_pct: Pct::ZERO,
            participation_pct: None,
            fault_latency_ms: 0,
            fault_failure_pct: Pct::ZERO,
            fault_lost_answer_pct: Pct::ZERO,
            fault_hang: false,
            fault_panic: false,
        }
    }
}

impl PaperSettings {
    pub const KEYS: &'static [SettingKey] = &[
        key("initial_balance", "above 0 to 10^12", "balance of the paper book when it is opened"),
        key("quote_asset", "2 to 10 of A-Z and 0-9", "currency of the paper book, e.g. USDT or KRW"),
        key("position_mode", "hedge or one_way", "long and short at once, or one net position a symbol"),
        key("maker_fee_pct", "-1 to 10", "fee of resting fills, % of notional; negative is a rebate"),
        key("taker_fee_pct", "0 to 10", "fee of market fills, % of notional"),
        key("slippage_pct", "0 to 10", "price against you on market orders and triggered stops, %"),
        key("participation_pct", "above 0 to 100, or none", "most an order takes of a bar's volume, %"),
        key("fault_latency_ms", "0 to 600000", "rehearsal: each call takes this long"),
        key("fault_failure_pct", "0 to 100", "rehearsal: calls that fail before they reach the book, %"),
        key("fault_lost_answer_pct", "0 to 100", "rehearsal: accepted orders whose answer is lost, %"),
        key("fault_hang", "on or off", "rehearsal: calls never return"),
        key("fault_panic", "on or off", "rehearsal: the next order panics the account"),
    ];

    /// Sets one key from text; an error changes nothing.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), SettingError> {
        let raw = Raw::find("paper", Self::KEYS, key, value)?;
        match raw.spec.key {
            "initial_balance" => {
                let value: Quote = raw.parsed()?;
                let most = Quote::new(rust_decimal::Decimal::from(1_000_000_000_000_i64));
                if value <= Quote::ZERO || value > most {
                    return Err(raw.bad());
                }
                self.initial_balance = value;
            }
            "quote_asset" => {
                let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
                if !(2..=10).contains(&raw.text.len()) || !raw.text.chars().all(word) {
                    return Err(raw.bad());
                }
                raw.text.clone_into(&mut self.quote_asset);
            }
            "position_mode" => {
                self.position_mode = PositionMode::from_word(raw.text).ok_or_else(|| raw.bad())?;
            }
            "maker_fee_pct" => {
                let value: Pct = raw.parsed()?;
                if value.decimal() < (-1).into() || value.decimal() > 10.into() {
                    return Err(raw.bad());
                }
                self.maker_fee_pct = value;
            }
            "taker_fee_pct" => self.taker_fee_pct = raw.pct_up_to(10)?,
            "slippage_pct" => self.slippage_pct = raw.pct_up_to(10)?,
            "participation_pct" => {
                self.participation_pct = if raw.text == "none" { None } else { Some(raw.positive_pct(100)?) };
            }
            "fault_latency_ms" => self.fault_latency_ms = raw.within(0..=600_000)?,
            "fault_failure_pct" => self.fault_failure_pct = raw.pct_up_to(100)?,
            "fault_lost_answer_pct" => self.fault_lost_answer_pct = raw.pct_up_to(100)?,
            "fault_hang" => self.fault_hang = raw.flag()?,
            "fault_panic" => self.fault_panic = raw.flag()?,
            other => return Err(SettingError::unknown("paper", other, Self::KEYS)),
        }
        Ok(())
    }

    /// The value of `key` as [`Self::set`] reads it.
    pub fn get(&self, key: &str) -> Option<String> {
        let flag = |on: bool| if on { "on" } else { "off" }.to_owned();
        Some(match key {
            "initial_balance" => self.initial_balance.to_string(),
            "quote_asset" => self.quote_asset.clone(),
            "position_mode" => self.position_mode.to_string(),
            "maker_fee_pct" => self.maker_fee_pct.to_string(),
            "taker_fee_pct" => self.taker_fee_pct.to_string(),
            "slippage_pct" => self.slippage_pct.to_string(),
            "participation_pct" => {
                self.participation_pct.map_or_else(|| "none".to_owned(), |pct| pct.to_string())
            }
            "fault_latency_ms" => self.fault_latency_ms.to_string(),
            "fault_failure_pct" => self.fault_failure_pct.to_string(),
            "fault_lost_answer_pct" => self.fault_lost_answer_pct.to_string(),
            "fault_hang" => flag(self.fault_hang),
            "fault_panic" => flag(self.fault_panic),
            _ => return None,
        })
    }
}
