//! The accounts of a simulated exchange: read from TOML, generated in numbers, or the one for a first try.

use std::collections::BTreeSet;

use rust_decimal::{Decimal, dec};
use serde::Deserialize;

use super::limits::LimitSpec;
use crate::domain::kind::ExchangeKind;
use crate::domain::money::{Pct, Price, Quote};
use crate::domain::side::PositionMode;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    pub exchange: ExchangeKind,
    pub name: String,
    pub api_key: String,
    pub api_secret: String,
    #[serde(default)]
    pub passphrase: String,
    /// In quote currency.
    pub balance: Quote,
    /// The exchange's own id of the account; made from its place when absent.
    #[serde(default)]
    pub uid: Option<u64>,
    #[serde(default = "one_way")]
    pub position_mode: PositionMode,
    /// Of `read`, `trade`, `withdraw`.
    #[serde(default = "reading_and_trading")]
    pub permissions: Vec<Permission>,
    #[serde(default = "yes")]
    pub ip_restricted: bool,
    /// Bitget: a unified trading account, which its classic API refuses.
    #[serde(default)]
    pub unified: bool,
    #[serde(default = "maker_fee")]
    pub maker_fee_pct: Pct,
    #[serde(default = "taker_fee")]
    pub taker_fee_pct: Pct,
    #[serde(default = "none")]
    pub slippage_pct: Pct,
    /// The largest part of what trades that the account's orders get; all of an order when absent.
    #[serde(default)]
    pub participation_pct: Option<Pct>,
    /// Fees are taken in this asset (Binance: BNB, Bitget: BGB) as long as there is enough of it, then from the cash.
    #[serde(default)]
    pub fee_asset: Option<String>,
    /// What there is of `fee_asset`.
    #[serde(default)]
    pub fee_asset_balance: Option<Quote>,
    /// Of `fee_asset` in quote currency, where the market does not list it.
    #[serde(default)]
    pub fee_asset_price: Option<Price>,
}

/// The asset an account pays its fees in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeAsset {
    pub asset: String,
    pub balance: Decimal,
    /// Until the market has one.
    pub price: Price,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Read,
    Trade,
    Withdraw,
}

impl AccountSpec {
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// `None`: its fees come out of the cash.
    pub fn fee_terms(&self) -> Option<FeeAsset> {
        let asset = self.fee_asset.clone()?;
        Some(FeeAsset { asset, balance: self.fee_asset_balance?.decimal(), price: self.fee_asset_price? })
    }

    fn check_fee_asset(&self) -> Result<(), String> {
        let whose = format!("account {}", self.name);
        let rest = self.fee_asset_balance.is_some() || self.fee_asset_price.is_some();
        match (self.exchange, &self.fee_asset) {
            (_, None) if rest => {
                Err(format!("{whose}: fee_asset_balance and fee_asset_price belong to a fee_asset"))
            }
            (_, None) => Ok(()),
            (ExchangeKind::Upbit, Some(_)) => {
                Err(format!("{whose}: upbit takes its fees in KRW, no fee_asset"))
            }
            (ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Paper, Some(asset)) => {
                let is_name =
                    asset.len() <= 10 && asset.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
                if asset.is_empty() || !is_name || asset == "USDT" {
                    return Err(format!(
                        "{whose}: fee_asset `{asset}` is not another asset than USDT, such as BNB"
                    ));
                }
                if self.fee_asset_balance.is_none_or(|balance| balance < Quote::ZERO) {
                    return Err(format!("{whose}: fee_asset needs fee_asset_balance, at least 0"));
                }
                if self.fee_asset_price.is_none() {
                    return Err(format!(
                        "{whose}: fee_asset needs fee_asset_price, used where no market has one"
                    ));
                }
                Ok(())
            }
        }
    }

    fn with_key(exchange: ExchangeKind, name: String, [key, secret, passphrase]: [String; 3]) -> Self {
        Self {
            exchange,
            name,
            api_key: key,
            api_secret: secret,
            passphrase,
            balance: default_balance(exchange),
            uid: None,
            position_mode: one_way(),
            permissions: reading_and_trading(),
            ip_restricted: true,
            unified: false,
            maker_fee_pct: maker_fee(),
            taker_fee_pct: taker_fee(),
            slippage_pct: Pct::ZERO,
            participation_pct: None,
            fee_asset: None,
            fee_asset_balance: None,
            fee_asset_price: None,
        }
    }

    /// The account for a first try: its keys are in `docs/simulate.md`. Where the exchange has position modes it
    /// starts hedged, as nothing but a request to change the mode fails on being made twice.
    pub fn demo(exchange: ExchangeKind) -> Self {
        let keys = ["testkey", "testsecret", "testpass"].map(str::to_owned);
        let position_mode = PositionMode::Hedge;
        Self { position_mode, ..Self::with_key(exchange, "demo".to_owned(), keys) }
    }
}

/// The document.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsFile {
    #[serde(default)]
    account: Vec<AccountSpec>,
    #[serde(default)]
    generate: Option<Generate>,
    #[serde(default)]
    pub limits: LimitSpec,
}

/// Accounts in numbers: names `binance-1` ..., keys `key-binance-1`, secrets `secret-binance-1`, passphrase `pass`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Generate {
    #[serde(default)]
    binance: u32,
    #[serde(default)]
    bitget: u32,
    #[serde(default)]
    upbit: u32,
    #[serde(default)]
    balance: Option<Quote>,
    #[serde(default)]
    position_mode: Option<PositionMode>,
}

impl AccountsFile {
    /// Reads the document; the error names what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for exchange in ExchangeKind::ALL {
            let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
            for account in file.accounts(*exchange) {
                if *exchange == ExchangeKind::Paper {
                    return Err(format!("account {}: exchange `paper` is not simulated here", account.name));
                }
                account.check_fee_asset()?;
                for (what, value, known) in
                    [("name", account.name, &mut names), ("api_key", account.api_key, &mut keys)]
                {
                    if value.is_empty() || !known.insert(value.clone()) {
                        return Err(format!("{exchange} accounts need {what}s of their own, not `{value}`"));
                    }
                }
            }
        }
        Ok(file)
    }

    /// The accounts of one exchange, those of the file first.
    pub fn accounts(&self, exchange: ExchangeKind) -> Vec<AccountSpec> {
        let listed = self.account.iter().filter(|account| account.exchange == exchange).cloned();
        let generate = self.generate.clone().unwrap_or_default();
        let count = match exchange {
            ExchangeKind::Binance => generate.binance,
            ExchangeKind::Bitget => generate.bitget,
            ExchangeKind::Upbit => generate.upbit,
            ExchangeKind::Paper => 0,
        };
        let generated = (1..=count).map(|number| {
            let name = format!("{exchange}-{number}");
            let keys = [format!("key-{name}"), format!("secret-{name}"), "pass".to_owned()];
            let spec = AccountSpec::with_key(exchange, name, keys);
            AccountSpec {
                balance: generate.balance.unwrap_or(spec.balance),
                position_mode: generate.position_mode.unwrap_or(spec.position_mode),
                ..spec
            }
        });
        listed.chain(generated).collect()
    }
}

fn default_balance(exchange: ExchangeKind) -> Quote {
    match exchange {
        ExchangeKind::Upbit => Quote::new(dec!(100_000_000)),
        ExchangeKind::Binance | ExchangeKind::Bitget | ExchangeKind::Paper => Quote::new(dec!(100_000)),
    }
}

const fn one_way() -> PositionMode {
    PositionMode::OneWay
}

fn reading_and_trading() -> Vec<Permission> {
    vec![Permission::Read, Permission::Trade]
}

const fn yes() -> bool {
    true
}

const fn none() -> Pct {
    Pct::ZERO
}

fn maker_fee() -> Pct {
    pct(dec!(0.02))
}

fn taker_fee() -> Pct {
    pct(dec!(0.05))
}

fn pct(value: Decimal) -> Pct {
    Pct::try_new(value).unwrap_or(Pct::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_and_made() {
        let file = AccountsFile::parse(
            r#"
            [[account]]
            exchange = "binance"
            name = "a"
            api_key = "k"
            api_secret = "s"
            balance = "12.5"
            permissions = ["read", "withdraw"]
            [generate]
            binance = 2
            upbit = 1
            [limits]
            max = { request_weight = 6000 }
            "#,
        )
        .unwrap();
        let names = |exchange| file.accounts(exchange).into_iter().map(|a| a.name).collect::<Vec<_>>();
        assert_eq!(names(ExchangeKind::Binance), ["a", "binance-1", "binance-2"]);
        assert_eq!(names(ExchangeKind::Upbit), ["upbit-1"]);
        let [own, made, _] = &file.accounts(ExchangeKind::Binance)[..] else { panic!("three accounts") };
        assert!(
            own.may(Permission::Withdraw) && !own.may(Permission::Trade) && own.balance.to_string() == "12.5"
        );
        assert_eq!((made.api_key.as_str(), made.api_secret.as_str()), ("key-binance-1", "secret-binance-1"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let account = |rest: &str| {
            format!(
                "[[account]]\nexchange = \"binance\"\nname = \"a\"\napi_key = \"k\"\napi_secret = \"s\"\n{rest}\n"
            )
        };
        let twice = account("balance = \"1\"").repeat(2);
        for (text, words) in [
            (account("balance = 5"), "balance"),
            (account("balance = \"1\"\nleverage = 3"), "leverage"),
            (twice, "name"),
            (account("balance = \"1\"").replace("binance", "paper"), "paper"),
        ] {
            let error = AccountsFile::parse(&text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
