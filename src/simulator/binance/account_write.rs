//! Leverage, margin type, position mode.

use serde_json::{Value, json};

use super::error::Error;
use super::market_data::listed;
use super::{Call, Reply};
use crate::domain::money::Leverage;
use crate::domain::side::PositionMode;
use crate::simulator::refusal::Refusal;

pub(super) fn leverage(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let value: u8 = call.params.parse("leverage")?.ok_or_else(|| Error::missing("leverage"))?;
    let leverage =
        Leverage::try_new(value).map_err(|_| Error::new(-4028, format!("Leverage {value} is not valid")))?;
    call.venue.set_leverage(call.account, &symbol, leverage)?;
    Ok(json!({ "leverage": leverage.get(), "maxNotionalValue": "1000000", "symbol": symbol.as_str() }))
}

pub(super) fn margin_type(call: &Call<'_>) -> Reply {
    let symbol = listed(call.venue, call.params)?;
    let isolated = match call.params.need("marginType")? {
        "ISOLATED" => true,
        "CROSSED" => false,
        _ => return Err(Error::new(-4055, "Invalid margin type.")),
    };
    call.venue.set_isolated(call.account, &symbol, isolated).map_err(|refusal| {
        told(
            refusal,
            &[
                (Refusal::NoChangeNeeded, -4046, "No need to change margin type."),
                (Refusal::OpenOrders, -4047, "Margin type cannot be changed if there exists open orders."),
                (Refusal::OpenPosition, -4048, "Margin type cannot be changed if there exists position."),
            ],
        )
    })?;
    Ok(done())
}

pub(super) fn position_mode(call: &Call<'_>) -> Reply {
    let mode = if truth(call, "dualSidePosition")? { PositionMode::Hedge } else { PositionMode::OneWay };
    call.venue.set_position_mode(call.account, mode).map_err(|refusal| {
        told(refusal, &[(Refusal::NoChangeNeeded, -4059, "No need to change position side.")])
    })?;
    Ok(done())
}

pub(super) fn multi_assets(call: &Call<'_>) -> Reply {
    let on = truth(call, "multiAssetsMargin")?;
    call.venue.set_multi_assets(call.account, on).map_err(|refusal| {
        told(refusal, &[(Refusal::NoChangeNeeded, -4171, "No need to change Multi-Assets Mode.")])
    })?;
    Ok(done())
}

fn truth(call: &Call<'_>, name: &str) -> Result<bool, Error> {
    let value = call.params.need(name)?.to_ascii_lowercase();
    value.parse().map_err(|_| Error::missing(name))
}

fn done() -> Value {
    json!({ "code": 200, "msg": "success" })
}

/// The refusal in the words that this endpoint has for it, else in the usual ones.
fn told(refusal: Refusal, words: &[(Refusal, i64, &str)]) -> Error {
    let own = words.iter().find(|(known, _, _)| *known == refusal);
    own.map_or_else(|| refusal.into(), |(_, code, message)| Error::new(*code, *message))
}
