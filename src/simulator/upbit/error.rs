//! Error answers: `{"error":{"name":..,"message":..}}` with Upbit's names (docs.upbit.com, "Error codes").

use serde_json::json;

use crate::domain::instrument::FilterError;
use crate::domain::side::Side;
use crate::matching::refusal::Refusal as BookRefusal;
use crate::simulator::dialect::Answer;
use crate::simulator::refusal::Refusal;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    status: u16,
    name: &'static str,
    message: String,
}

impl Error {
    pub(super) fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into() }
    }

    pub(super) fn unauthorized(name: &'static str) -> Self {
        Self::new(401, name, "인증에 실패했습니다.")
    }

    /// A parameter is missing or cannot be read.
    pub(super) fn invalid(parameter: &str) -> Self {
        Self::new(400, "validation_error", format!("잘못된 파라미터: {parameter}"))
    }

    pub(super) fn unknown_market() -> Self {
        Self::new(404, "market_does_not_exist", "존재하지 않는 마켓입니다.")
    }

    pub(super) fn unknown_order() -> Self {
        Self::new(404, "order_not_found", "주문을 찾지 못했습니다.")
    }

    /// `side` decides between the twin names `.._bid` and `.._ask`.
    pub(super) fn funds(side: Side) -> Self {
        match side {
            Side::Buy => Self::new(400, "insufficient_funds_bid", "매수가능 금액이 부족합니다."),
            Side::Sell => Self::new(400, "insufficient_funds_ask", "매도가능 금액이 부족합니다."),
        }
    }

    pub(super) fn under_min_total(side: Side) -> Self {
        let name = if side == Side::Buy { "under_min_total_bid" } else { "under_min_total_ask" };
        Self::new(400, name, "최소주문금액 이상으로 주문해주세요.")
    }

    fn price(side: Side) -> Self {
        let name = if side == Side::Buy { "invalid_price_bid" } else { "invalid_price_ask" };
        Self::new(400, name, "주문가격 단위를 잘못 입력하셨습니다.")
    }

    fn order(side: Side, message: &str) -> Self {
        let name = if side == Side::Buy { "create_bid_error" } else { "create_ask_error" };
        Self::new(400, name, message)
    }

    /// What the core refused, as it is said of an order of that side.
    pub(super) fn of(refusal: &Refusal, side: Side) -> Self {
        match refusal {
            Refusal::UnknownSymbol(_) => Self::unknown_market(),
            Refusal::NotTrading(_) => Self::new(400, "market_offline", "거래가 중단된 마켓입니다."),
            Refusal::UnknownOrder => Self::unknown_order(),
            Refusal::DuplicateClientId(_) => Self::used_identifier(),
            Refusal::Book(BookRefusal::Filter(FilterError::OffTick { .. })) => Self::price(side),
            Refusal::Book(BookRefusal::Filter(FilterError::BelowMinNotional { .. })) => {
                Self::under_min_total(side)
            }
            Refusal::Book(BookRefusal::Filter(_)) => Self::invalid("volume"),
            Refusal::Book(BookRefusal::InsufficientMargin { .. }) | Refusal::NothingToReduce => {
                Self::funds(side)
            }
            Refusal::Book(BookRefusal::WouldCross { .. }) => {
                Self::order(side, "post_only 주문이 즉시 체결될 수 있어 거부되었습니다.")
            }
            Refusal::Book(_)
            | Refusal::WouldTriggerNow { .. }
            | Refusal::NoChangeNeeded
            | Refusal::OpenOrders
            | Refusal::OpenPosition => Self::order(side, &refusal.to_string()),
        }
    }

    pub(super) fn used_identifier() -> Self {
        Self::new(400, "duplicated_identifier", "이미 사용된 identifier 입니다.")
    }

    pub(super) fn answer(&self) -> Answer {
        Answer::json(self.status, &json!({"error": {"name": self.name, "message": self.message}}))
    }
}
