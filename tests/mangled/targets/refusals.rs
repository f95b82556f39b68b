//! What a failed call means: a write whose answer cannot be read is never taken for one that was not executed.

use std::collections::BTreeMap;

use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::error::ExchangeError;
use tradefleet::exchange::wire::{Access, HttpAnswer};
use tradefleet::exchange::{binance, bitget, upbit};

use super::text;

const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);
const STATUSES: [u16; 8] = [400, 401, 403, 418, 429, 451, 500, 503];

/// By all three exchanges, since an answer does not say whose it is.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let body = text(bytes);
    for status in STATUSES {
        let headers = BTreeMap::from([("retry-after".to_owned(), body.chars().take(20).collect())]);
        let answer = HttpAnswer { status, headers, body: body.to_owned() };
        for access in [Access::Read, Access::Write] {
            let failures = [
                Some(binance::errors::failure(&answer, access, NOW).error),
                bitget::errors::read::<bitget::wire::OrderRow>(&answer, access, NOW).err(),
                Some(upbit::errors::classify(&answer, access, NOW)),
            ];
            let malformed = |failure: &ExchangeError| matches!(failure, ExchangeError::Malformed { .. });
            let is_guess = access == Access::Write && failures.iter().flatten().any(malformed);
            assert!(!is_guess, "{status} {body:?}: {failures:?}");
        }
    }
    let item = binance::errors::item_failure(binance::errors::ErrorBody::read(body), NOW);
    assert!(!matches!(item.error, ExchangeError::Malformed { .. }), "{body:?}: {item:?}");
    binance::errors::ErrorBody::read(body).code.is_some()
        || body.contains("\"code\"")
        || body.contains("\"error\"")
}
