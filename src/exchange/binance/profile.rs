//! Who an account is and what its key may do.

use super::account::BinanceExchange;
use super::answers::{
    AccountConfigAnswer, ApiRestrictionsAnswer, BalanceAnswer, MultiAssetsAnswer, PositionModeAnswer, read,
};
use super::calls;
use super::errors::{Failure, failure};
use crate::domain::side::PositionMode;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::AccountProfile;
use crate::exchange::wire::Access;

impl BinanceExchange {
    pub(super) async fn profile(&self) -> Result<AccountProfile, ExchangeError> {
        self.rest.sync_clock().await?;
        let balances: Vec<BalanceAnswer> = self.rest.ask(calls::balances()).await?;
        let config = self.configuration().await?;
        let mut remarks = Vec::new();
        if config.multi_assets_margin {
            remarks.push(
                "multi-assets mode: other assets are margin too, and isolated margin is refused".to_owned(),
            );
        }
        let key = match self.restrictions().await {
            Ok(key) => Some(key),
            Err(error @ ExchangeError::Unauthorized { .. }) => return Err(error),
            Err(error) => {
                remarks.push(format!("what the key may do could not be asked: {error}"));
                None
            }
        };
        let key = key.as_ref();
        Ok(AccountProfile {
            uid: balances.into_iter().find_map(|balance| balance.account_alias),
            can_trade: may_trade(key.and_then(|key| key.enable_futures), config.can_trade),
            can_withdraw: key.and_then(|key| key.enable_withdrawals),
            can_transfer: key.and_then(ApiRestrictionsAnswer::can_transfer),
            ip_restricted: key.and_then(|key| key.ip_restrict),
            key_expires_at: key.and_then(|key| key.trading_authority_expiration_time.0),
            position_mode: Some(if config.dual_side_position {
                PositionMode::Hedge
            } else {
                PositionMode::OneWay
            }),
            remarks,
            balance: self.money().await?,
            clock_offset: self.rest.line().clock().offset(),
        })
    }

    /// A host that does not know the cheap question, such as a stand-in of the exchange, is asked the two older ones.
    async fn configuration(&self) -> Result<AccountConfigAnswer, ExchangeError> {
        match self.rest.ask(calls::account_config()).await {
            Err(Failure {
                error: ExchangeError::Malformed { .. } | ExchangeError::Refused { .. }, ..
            }) => {}
            told => return Ok(told?),
        }
        let mode: PositionModeAnswer = self.rest.ask(calls::position_mode()).await?;
        let multi: MultiAssetsAnswer = self.rest.ask(calls::multi_assets_mode()).await?;
        Ok(AccountConfigAnswer {
            can_trade: None,
            dual_side_position: mode.dual_side_position,
            multi_assets_margin: multi.multi_assets_margin,
        })
    }

    /// Asked at another host, whose limits nothing else here uses.
    async fn restrictions(&self) -> Result<ApiRestrictionsAnswer, ExchangeError> {
        let Some(spot) = &self.spot else {
            let reason = "no spot host is set up".to_owned();
            return Err(ExchangeError::Unavailable { reason });
        };
        let now = self.rest.line().clock().now();
        let answer = spot.send(&self.signer.request(calls::api_restrictions(), now), Access::Read).await?;
        if !answer.is_success() {
            return Err(failure(&answer, Access::Read, now).error);
        }
        Ok(read(&answer.body)?)
    }
}

/// Key and account must both allow it; what neither tells stays unknown.
fn may_trade(key: Option<bool>, account: Option<bool>) -> Option<bool> {
    if account == Some(false) { account } else { key }
}
