//! Answers and frames of Bitget.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::bitget::fills::Execution;
use tradefleet::exchange::bitget::frames::{AccountNews, Frame, market_frame, private_frame};
use tradefleet::exchange::bitget::permissions::Permissions;
use tradefleet::exchange::bitget::wire::{
    AccountRow, BatchAnswer, BillRow, CandleRow, ContractRow, FillRow, KeyRow, OrderRow, Page, PlacedRow,
    PlanRow, PositionRow, TickerRow, TimeRow,
};
use tradefleet::exchange::bitget::{convert, errors, market_rows};
use tradefleet::exchange::wire::{Access, HttpAnswer};

use super::exact::assert_read_from;
use super::{each, text};

const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);

pub(crate) fn rest(bytes: &[u8]) -> bool {
    let body = text(bytes);
    let answer = HttpAnswer { status: 200, headers: BTreeMap::new(), body: body.to_owned() };
    let plain = [
        seen::<TimeRow>(&answer, drop),
        seen::<PlacedRow>(&answer, drop),
        seen::<BatchAnswer>(&answer, drop),
        seen::<KeyRow>(&answer, |row| _ = Permissions::read(&row)),
        seen::<Vec<ContractRow>>(&answer, |rows| each(&rows, market_rows::instrument)),
        seen::<Vec<TickerRow>>(&answer, |rows| each(&rows, market_rows::ticker)),
        seen::<Vec<CandleRow>>(&answer, |rows| each(&rows, market_rows::candle)),
    ];
    let of_account = [
        seen::<OrderRow>(&answer, |row| order(&row)),
        seen::<Page<OrderRow>>(&answer, |page| each(page.rows.iter().flatten(), order)),
        seen::<Page<PlanRow>>(&answer, |page| each(page.rows.iter().flatten(), convert::plan)),
        seen::<Page<FillRow>>(&answer, |page| {
            each(page.rows.iter().flatten(), Execution::from_rest);
        }),
        seen::<Page<BillRow>>(&answer, |page| {
            each(page.rows.iter().flatten(), convert::funding);
        }),
        seen::<Vec<PositionRow>>(&answer, |rows| each(&rows, convert::position)),
        seen::<AccountRow>(&answer, |row| drop(convert::terms(&row))),
        seen::<Vec<AccountRow>>(&answer, |rows| drop(convert::balance(&rows))),
    ];
    let _ = (errors::time_told(&answer), errors::is_stamp_refused(&answer));
    plain.contains(&true) | of_account.contains(&true)
}

/// Reads the data of an answer, whose numbers must be those of its text, and goes on with it.
fn seen<T: DeserializeOwned + Debug>(answer: &HttpAnswer, convert: impl FnOnce(T)) -> bool {
    let Ok(data) = errors::read::<T>(answer, Access::Read, NOW) else { return false };
    assert_read_from(&data, &answer.body);
    convert(data);
    true
}

fn order(row: &OrderRow) {
    drop(Execution::from_push(row));
    let Ok(Some(convert::ReadOrder::Ours(report))) = convert::order(row) else { return };
    drop(convert::executed(report, row));
}

pub(crate) fn frames(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let market = market_frame(text).inspect(|frame| assert_read_from(frame, text)).is_ok();
    let account = private_frame(text).inspect(|frame| assert_read_from(frame, text));
    if let Ok(Frame::Data(news)) = &account {
        match news {
            AccountNews::Orders(rows) => each(rows, order),
            AccountNews::Plans(rows) => each(rows, convert::plan),
            AccountNews::Positions(rows) => each(rows, convert::position),
            AccountNews::Accounts(rows) => each(rows, convert::wallet),
            AccountNews::Other => {}
        }
    }
    market | account.is_ok()
}
