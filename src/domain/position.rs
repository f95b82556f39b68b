//! A bot's position in one symbol, from its first fill to its last: the arithmetic of fills.
//!
//! Cost is kept as the exact sum of price x quantity, not as an average price, so that the profit of a closed
//! position equals, to the last digit, what its fills sum to: sold notional minus bought notional minus fees.

use serde::{Deserialize, Serialize};

use super::fill::Fill;
use super::ids::{BotId, ClientOrderId};
use super::instrument::Symbol;
use super::money::{Leverage, Price, Qty, Quote};
use super::side::PositionSide;
use super::time::Timestamp;

/// One life of a position. Its id is the client order id of the order that opened it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub id: ClientOrderId,
    /// `None` once released to the operator ("external").
    pub bot: Option<BotId>,
    pub symbol: Symbol,
    pub side: PositionSide,
    pub leverage: Leverage,
    /// Open quantity.
    pub qty: Qty,
    /// Entry notional of the open quantity (sum of price x quantity of entries, less the share that was closed).
    pub cost: Quote,
    /// Quantity filled by the order that opened it; DCA sizes are parts of this.
    pub first_entry_qty: Qty,
    /// Price of the last fill that added to it; DCA distances are measured from this.
    pub last_entry_price: Price,
    /// Totals over its life.
    pub entered_qty: Qty,
    pub entered_notional: Quote,
    pub exited_qty: Qty,
    pub exited_notional: Quote,
    /// Profit or loss of what was closed, before fees, in quote currency.
    pub realized_pnl: Quote,
    /// Fees paid so far, in quote currency; those in another asset at what they were worth, where that is known.
    pub fees: Quote,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

/// What a fill did to its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Increased,
    Reduced {
        realized_pnl: Quote,
    },
    /// `excess` is what the fill closed beyond the position: somebody else's, on the same side.
    Closed {
        realized_pnl: Quote,
        excess: Qty,
    },
}

impl Position {
    /// The position that `fill` opens.
    pub fn open(bot: Option<BotId>, leverage: Leverage, fill: &Fill) -> Self {
        let notional = fill.price.notional(fill.qty);
        Self {
            id: fill.client_order_id.clone(),
            bot,
            symbol: fill.symbol.clone(),
            side: fill.position_side,
            leverage,
            qty: fill.qty,
            cost: notional,
            first_entry_qty: fill.qty,
            last_entry_price: fill.price,
            entered_qty: fill.qty,
            entered_notional: notional,
            exited_qty: Qty::ZERO,
            exited_notional: Quote::ZERO,
            realized_pnl: Quote::ZERO,
            fees: fill.fee.known_value(),
            opened_at: fill.at,
            closed_at: None,
        }
    }

    /// Books one fill: increase, reduce or close. Never flips: of a fill larger than the position, only as much as it
    /// holds is booked to it, with the whole fee.
    pub fn apply(&mut self, fill: &Fill) -> Applied {
        if fill.side == self.side.entry_side() {
            let notional = fill.price.notional(fill.qty);
            // Fills may be told late.
            self.opened_at = self.opened_at.min(fill.at);
            self.qty = self.qty.plus(fill.qty);
            self.cost += notional;
            self.entered_qty = self.entered_qty.plus(fill.qty);
            self.entered_notional += notional;
            self.last_entry_price = fill.price;
            if fill.client_order_id == self.id {
                self.first_entry_qty = self.first_entry_qty.plus(fill.qty);
            }
            self.fees += fill.fee.known_value();
            return Applied::Increased;
        }
        let qty = fill.qty.min(self.qty);
        let notional = fill.price.notional(qty);
        let cost = self.cost.share(qty, self.qty);
        let realized_pnl = match self.side {
            PositionSide::Long => notional - cost,
            PositionSide::Short => cost - notional,
        };
        self.qty = self.qty.minus(qty);
        self.cost -= cost;
        self.exited_qty = self.exited_qty.plus(qty);
        self.exited_notional += notional;
        self.realized_pnl += realized_pnl;
        self.fees += fill.fee.known_value();
        if self.qty.is_zero() {
            self.closed_at = Some(fill.at);
            return Applied::Closed { realized_pnl, excess: fill.qty.minus(qty) };
        }
        Applied::Reduced { realized_pnl }
    }

    pub fn is_open(&self) -> bool {
        !self.qty.is_zero()
    }

    /// Average entry price of the open quantity, rounded to 12 decimals.
    pub fn entry_price_avg(&self) -> Option<Price> {
        self.cost.average_price(self.qty)
    }

    /// Profit or loss of the open quantity at `price`, before fees, in quote currency.
    pub fn unrealized_pnl(&self, price: Price) -> Quote {
        let worth = price.notional(self.qty);
        match self.side {
            PositionSide::Long => worth - self.cost,
            PositionSide::Short => self.cost - worth,
        }
    }

    /// Margin bound by the open quantity, in quote currency.
    pub fn margin(&self) -> Quote {
        self.cost.margin_at(self.leverage)
    }

    /// Realized profit or loss after fees, in quote currency.
    pub fn net_pnl(&self) -> Quote {
        self.realized_pnl - self.fees
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    use super::super::fee::Fee;
    use super::super::fill::Liquidity;
    use super::super::ids::{AccountId, CycleId, OrderKey, TradeId};
    use super::super::order::Purpose;
    use super::super::side::Side;
    use super::*;

    fn fill(side: Side, position_side: PositionSide, price: i64, qty: i64, leg: u16) -> Fill {
        let key = OrderKey {
            account: AccountId::new(1),
            bot: Some(BotId::new(1)),
            cycle: CycleId::at(Timestamp::from_ms(1)),
            purpose: Purpose::Entry,
            leg,
            attempt: 1,
        };
        Fill {
            trade_id: TradeId(format!("{leg}")),
            client_order_id: ClientOrderId::new(&key),
            symbol: Symbol::try_new("BTCUSDT").unwrap(),
            side,
            position_side,
            price: Price::try_new(Decimal::new(price, 2)).unwrap(),
            qty: Qty::try_new(Decimal::new(qty, 3)).unwrap(),
            fee: Fee::from_cash(Quote::new(Decimal::new(price * qty, 9)), "USDT"),
            liquidity: Liquidity::Taker,
            at: Timestamp::from_ms(i64::from(leg)),
        }
    }

    #[test]
    fn a_position_is_as_old_as_its_first_fill_whichever_is_told_first() {
        let [early, late] = [1, 2].map(|leg| fill(Side::Buy, PositionSide::Long, 10_000, 5, leg));
        let mut position = Position::open(None, Leverage::ONE, &late);
        position.apply(&early);
        assert_eq!(position.opened_at, early.at);
    }

    #[test]
    fn a_fill_never_flips_a_position() {
        let mut position =
            Position::open(None, Leverage::ONE, &fill(Side::Buy, PositionSide::Long, 10_000, 5, 0));
        let applied = position.apply(&fill(Side::Sell, PositionSide::Long, 20_000, 6, 1));
        let (profit, excess) = (Quote::new(Decimal::new(5, 1)), Qty::try_new(Decimal::new(1, 3)).unwrap());
        assert_eq!(applied, Applied::Closed { realized_pnl: profit, excess });
        assert_eq!((position.qty, position.exited_qty), (Qty::ZERO, position.entered_qty));
    }

    proptest! {
        /// PnL of a closed position is what its fills sum to, exactly, however it was closed piece by piece.
        #[test]
        fn profit_is_conserved(
            short: bool,
            entries in prop::collection::vec((1_i64..10_000_000, 1_i64..100_000), 1..6),
            exits in prop::collection::vec((1_i64..10_000_000, 1_i64..100_000), 0..12),
        ) {
            let side = if short { PositionSide::Short } else { PositionSide::Long };
            let mut leg = 0;
            let mut position: Option<Position> = None;
            let mut cash = Quote::ZERO;
            let mut fees = Quote::ZERO;
            for (price, qty) in entries {
                let fill = fill(side.entry_side(), side, price, qty, leg);
                leg += 1;
                cash -= fill.price.notional(fill.qty);
                fees += fill.fee.cash();
                match position.as_mut() {
                    Some(position) => { position.apply(&fill); }
                    None => position = Some(Position::open(None, Leverage::ONE, &fill)),
                }
            }
            let mut position = position.unwrap();
            for (price, qty) in exits.into_iter().map(Some).chain([None]).map(|exit| exit.unwrap_or((777, i64::MAX))) {
                let held = position.qty.decimal() * Decimal::ONE_THOUSAND;
                let qty = qty.min(i64::try_from(held.mantissa() / 10_i128.pow(held.scale())).unwrap());
                if qty == 0 {
                    continue;
                }
                let fill = fill(side.exit_side(), side, price, qty, leg);
                leg += 1;
                cash += fill.price.notional(fill.qty);
                fees += fill.fee.cash();
                position.apply(&fill);
            }
            prop_assert!(!position.is_open());
            prop_assert_eq!(position.cost, Quote::ZERO);
            prop_assert_eq!(position.realized_pnl, if short { -cash } else { cash });
            prop_assert_eq!(position.fees, fees);
        }
    }
}
