//! What an account sets: leverage, margin mode, position mode. What is set already is a success.

use serde_json::json;

use super::account_data::margin_word;
use super::error::Error;
use super::market_data::listed;
use super::order_rows::mode_word;
use super::{Call, Reply};
use crate::domain::money::Leverage;
use crate::domain::side::PositionMode;
use crate::simulator::refusal::Refusal;

pub(super) fn set_leverage(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let times = call.params.parse("leverage")?.ok_or_else(|| Error::empty("leverage"))?;
    let leverage = Leverage::try_new(times)
        .map_err(|_| Error::new("40797", "Exceeded the maximum settable leverage"))?;
    call.venue.set_leverage(call.account, &symbol, leverage)?;
    let isolated = call.venue.with(call.account, |account| account.settings(&symbol).isolated);
    let times = leverage.to_string();
    Ok(json!({
        "symbol": symbol.as_str(), "marginCoin": "USDT", "longLeverage": times, "shortLeverage": times,
        "crossMarginLeverage": times, "marginMode": margin_word(isolated.unwrap_or_default()),
    }))
}

pub(super) fn set_margin_mode(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let word = call.params.need("marginMode")?;
    let isolated = match word {
        "crossed" => false,
        "isolated" => true,
        _ => return Err(Error::wrong("marginMode")),
    };
    unless_set(call.venue.set_isolated(call.account, &symbol, isolated))?;
    let leverage = call.venue.with(call.account, |account| account.settings(&symbol).leverage.to_string());
    Ok(json!({
        "symbol": symbol.as_str(), "marginCoin": "USDT", "longLeverage": leverage, "shortLeverage": leverage,
        "marginMode": word,
    }))
}

pub(super) fn set_position_mode(call: &Call<'_>) -> Reply {
    call.params.is_usdt()?;
    let mode = match call.params.need("posMode")? {
        "one_way_mode" => PositionMode::OneWay,
        "hedge_mode" => PositionMode::Hedge,
        _ => return Err(Error::wrong("posMode")),
    };
    unless_set(call.venue.set_position_mode(call.account, mode))?;
    Ok(json!({ "posMode": mode_word(mode) }))
}

fn unless_set(outcome: Result<(), Refusal>) -> Result<(), Error> {
    match outcome {
        Err(Refusal::NoChangeNeeded) | Ok(()) => Ok(()),
        Err(refusal) => Err(refusal.into()),
    }
}
