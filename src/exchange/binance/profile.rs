//! Who an account is and what its key may do.

use super::account::BinanceExchange;
use super::answers::{ApiRestrictionsAnswer, BalanceAnswer, MultiAssetsAnswer, PositionModeAnswer, read};
use super::calls;
use super::errors::failure;
use crate::domain::side::PositionMode;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::AccountProfile;
use crate::exchange::wire::Access;

impl BinanceExchange {
    pub(super) async fn profile(&self) -> Result<AccountProfile, ExchangeError> {
        self.rest.sync_clock().await?;
        let balances: Vec<BalanceAnswer> = self.rest.ask(calls::balances()).await?;
        let mode: PositionModeAnswer = self.rest.ask(calls::position_mode()).await?;
        let multi: MultiAssetsAnswer = self.rest.ask(calls::multi_assets_mode()).await?;
        let mut remarks = Vec::new();
        if multi.multi_assets_margin {
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
            can_trade: key.and_then(|key| key.enable_futures),
            can_withdraw: key.and_then(|key| key.enable_withdrawals),
            can_transfer: key.and_then(ApiRestrictionsAnswer::can_transfer),
            ip_restricted: key.and_then(|key| key.ip_restrict),
            key_expires_at: key.and_then(|key| key.trading_authority_expiration_time.0),
            position_mode: Some(if mode.dual_side_position {
                PositionMode::Hedge
            } else {
                PositionMode::OneWay
            }),
            remarks,
            balance: self.money().await?,
            clock_offset: self.rest.line().clock().offset(),
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
