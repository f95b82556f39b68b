//! How an exchange and a home are set up to trade with each other: accounts, bots that trade often, configuration.

use super::home::Home;

/// What differs between the exchanges for an operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) exchange: &'static str,
    symbols: [&'static str; 2],
    /// Of the account, beside what all have.
    settings: &'static str,
    passphrase: &'static str,
    balance: &'static str,
    /// Another asset that the exchange can take its fees in: lasts for some dozens of fills.
    fees_in_kind: &'static str,
}

pub(crate) const BINANCE: Stage = Stage {
    exchange: "binance",
    symbols: ["BTCUSDT", "ETHUSDT"],
    settings: " leverage=5 short_tp_pct=0.3 short_sl_pct=0.3",
    passphrase: "",
    balance: "10000",
    fees_in_kind: "fee_asset = \"BNB\"\nfee_asset_balance = \"0.1\"\nfee_asset_price = \"600\"\n",
};
pub(crate) const BITGET: Stage = Stage {
    exchange: "bitget",
    passphrase: " --passphrase-env P",
    fees_in_kind: "fee_asset = \"BGB\"\nfee_asset_balance = \"15\"\nfee_asset_price = \"4\"\n",
    ..BINANCE
};
pub(crate) const UPBIT: Stage = Stage {
    exchange: "upbit",
    symbols: ["KRW-BTC", "KRW-ETH"],
    settings: "",
    passphrase: "",
    balance: "50000000",
    fees_in_kind: "",
};

impl Stage {
    /// The exchange's accounts file.
    pub(crate) fn accounts_file(&self, names: &[String], in_kind: bool) -> String {
        let Self { exchange, balance, .. } = self;
        let terms = if in_kind { self.fees_in_kind } else { "" };
        let account = |name: &String| {
            format!(
                "[[account]]\nexchange = \"{exchange}\"\nname = \"{name}\"\napi_key = \"key-{name}\"\n\
                 api_secret = \"secret-{name}\"\npassphrase = \"pass-{name}\"\nbalance = \"{balance}\"\n{terms}"
            )
        };
        names.iter().map(account).collect()
    }

    /// Command line of an exchange whose made-up market runs so many times as fast as real time.
    pub(crate) fn market(speed: u32) -> [String; 3] {
        ["--synthetic".to_owned(), "--speed".to_owned(), speed.to_string()]
    }

    /// The daemon's configuration, for an exchange at this address.
    pub(crate) fn config(&self, base: &str, speed: u32) -> String {
        let exchange = self.exchange;
        let socket = base.replace("http://", "ws://");
        let account =
            if exchange == "binance" { format!("account_url = \"{base}\"\n") } else { String::new() };
        format!(
            "[{exchange}]\nrest_url = \"{base}\"\nstream_url = \"{socket}\"\n{account}\
             [live]\nspeed = {speed}\npaper_market = \"{exchange}\"\n[gates]\nenabled = false\n[http]\nlisten = \"\"\n"
        )
    }

    /// Accounts that trade with money on the exchange that the configuration of `home` names.
    pub(crate) fn populate(&self, home: &Home, names: &[String]) -> anyhow::Result<()> {
        home.run(Self::STRATEGY)?;
        for name in names {
            for line in self.account_lines(name) {
                home.run_with(&line, &Self::keys(name))?;
            }
            home.run(&format!("account set {name} dry_run=off --yes"))?;
        }
        Ok(())
    }

    /// The variables that the keys of an account are read from.
    fn keys(name: &str) -> [(&'static str, String); 3] {
        [("K", format!("key-{name}")), ("S", format!("secret-{name}")), ("P", format!("pass-{name}"))]
    }

    /// Command lines that add the strategy of all bots.
    const STRATEGY: &'static str = "strategy add lively --kind momentum --set period=3 --set \
                                               threshold_pct=0.05 --set min_confidence=0";

    /// Command lines that add an account, in dry run, with a bot a symbol.
    fn account_lines(&self, name: &str) -> Vec<String> {
        let Self { exchange, settings, passphrase, symbols, .. } = self;
        let add = format!(
            "account add {name} --exchange {exchange} --api-key-env K --api-secret-env S{passphrase}"
        );
        let set = format!(
            "account set {name} auto_exit=on exit_cooldown_h=0 entry_pct=20 long_tp_pct=0.3 long_sl_pct=0.3 \
             dca_pct=0.1{settings}"
        );
        let bots = symbols.iter().enumerate().map(|(index, symbol)| {
            format!(
                "bot add bot{index} --account {name} --symbol {symbol} --strategy lively --allocation 40 --start"
            )
        });
        [add, set].into_iter().chain(bots).collect()
    }
}
