//! What a grid comes to: its lines, the quantity on each, what it needs and what a round trip earns.
//!
//! # Arithmetic
//!
//! Lines are the exact equal steps or ratios, each on the nearest tick; the ends are the bounds on the nearest tick.
//! All grids trade the same quantity q of base currency, so that what one bought any other could sell, and an arithmetic
//! grid earns the same in each. With P the sum of the prices at which the grids enter (a long grid's lower lines, a short
//! or neutral one's upper lines), L the leverage and f the maker fee as a fraction (0 when it is a rebate):
//!
//! ```text
//! q       = investment x L / (P x (1 + f x L)), rounded down to the step
//! needed  = P x q / L + P x q x f <= investment         margin and entry fees of all grids held at once
//! net     = q x (high - low) - q x f x (high + low)     one round trip of one grid, both fills as maker
//! ```
//!
//! A neutral grid is planned as if all of its grids were held on their dearer side, so its investment suffices wherever
//! it starts.

use rust_decimal::{Decimal, RoundingStrategy, dec};

use crate::domain::instrument::Instrument;
use crate::domain::kind::ExchangeKind;
use crate::domain::krw_steps;
use crate::domain::money::{Leverage, Pct, Price, Qty, Quote};
use crate::engine::settings::PaperSettings;

use super::refusal::PlanRefusal;
use super::{Direction, GridConfig, spacing};

pub const LINES_MIN: u16 = 2;
pub const LINES_MAX: u16 = 100;

/// The largest [`Qty`].
const QTY_MAX: Decimal = dec!(10_000_000_000_000);

/// What a market asks for, beside its instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// % of the notional of a resting order's fill; a rebate when negative.
    pub maker_fee_pct: Pct,
    /// % of the notional of any other fill.
    pub taker_fee_pct: Pct,
    /// Long only, no leverage, no stop orders of ours at the exchange.
    pub spot: bool,
}

impl Terms {
    /// The terms of an account: those of its paper book where it trades on paper, else what the exchange asks of a new
    /// customer (binance.com, bitget.com and upbit.com fee pages of 2026; USDⓈ-M and USDT futures VIP 0, KRW market). An
    /// account that pays less earns more than planned.
    pub fn of_account(exchange: ExchangeKind, on_paper: bool, paper: &PaperSettings) -> Self {
        let hundredths = |maker: i64, taker: i64| {
            let pct = |value: i64| Pct::try_new(Decimal::new(value, 2)).unwrap_or_default();
            (pct(maker), pct(taker))
        };
        let (maker_fee_pct, taker_fee_pct) = match exchange {
            _ if on_paper => (paper.maker_fee_pct, paper.taker_fee_pct),
            ExchangeKind::Paper => (paper.maker_fee_pct, paper.taker_fee_pct),
            ExchangeKind::Binance => hundredths(2, 5),
            ExchangeKind::Bitget => hundredths(2, 6),
            ExchangeKind::Upbit => hundredths(5, 5),
        };
        Self { maker_fee_pct, taker_fee_pct, spot: exchange == ExchangeKind::Upbit }
    }
}

/// One price at which orders rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// From 0 at the lowest line.
    pub index: u16,
    pub price: Price,
}

/// One round trip between neighbouring lines, both fills as maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    pub low: Price,
    pub high: Price,
    /// Both fees; negative for a rebate.
    pub fees: Quote,
    /// What is left after both fees.
    pub net: Quote,
    /// [`Self::net`] in % of the entry's notional, rounded to 6 decimals.
    pub net_pct: Pct,
}

/// A grid that can be traded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Strictly rising, each a multiple of [`Self::tick`]; at least two.
    pub lines: Vec<Line>,
    /// What prices of this range are multiples of.
    pub tick: Price,
    /// What each grid buys and sells; a multiple of the step.
    pub qty_per_line: Qty,
    /// The investment's even share for each grid, rounded down to 8 decimals.
    pub per_grid_amount: Quote,
    /// Price x quantity of all entries together.
    pub notional: Quote,
    /// Margin of all grids held at once, with the fees of their entries; at most the investment.
    pub needed: Quote,
    /// One for each grid, from the lowest; each earns something.
    pub round_trips: Vec<RoundTrip>,
    pub terms: Terms,
}

/// The lines alone, also of a grid that its market does not allow (any more); none where not even they can be told.
pub fn lines(config: &GridConfig, instrument: &Instrument) -> Vec<Line> {
    let bounds = (config.lower, config.upper);
    let prices = spacing::prices(bounds, config.count, config.mode, tick(config, instrument));
    numbered(prices.unwrap_or_default())
}

fn numbered(prices: Vec<Price>) -> Vec<Line> {
    (0..).zip(prices).map(|(index, price)| Line { index, price }).collect()
}

impl Plan {
    /// Plans the grid, or says everything that is wrong with it.
    pub fn of(config: &GridConfig, instrument: &Instrument, terms: Terms) -> Result<Self, Vec<PlanRefusal>> {
        let mut refusals = wishes(config, terms.spot);
        let tick = tick(config, instrument);
        let prices = match ladder(config, tick, terms.maker_fee_pct) {
            Ok(prices) => prices,
            Err(refusal) => {
                refusals.extend(refusal);
                return Err(refusals);
            }
        };
        refusals.extend(stops_on_lines(config, &prices, &refusals));
        let sizing = Sizing::of(config, instrument, terms.maker_fee_pct, &prices);
        refusals.extend(sizing.refusals(config, instrument));
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let qty = sizing.qty;
        let round_trip = |low: &Price, high: &Price| {
            RoundTrip::of((*low, *high), qty, terms.maker_fee_pct, config.direction)
        };
        Ok(Self {
            round_trips: prices
                .iter()
                .zip(prices.iter().skip(1))
                .map(|(low, high)| round_trip(low, high))
                .collect(),
            lines: numbered(prices),
            tick,
            qty_per_line: qty,
            per_grid_amount: even_share(config),
            notional: sizing.notional_of(qty),
            needed: sizing.needed_for(qty),
            terms,
        })
    }

    /// The smallest and the largest profit of a round trip, in quote currency.
    pub fn net_range(&self) -> (Quote, Quote) {
        let nets = || self.round_trips.iter().map(|trip| trip.net);
        (nets().min().unwrap_or_default(), nets().max().unwrap_or_default())
    }

    /// The smallest and the largest profit of a round trip, in % of its entry.
    pub fn net_pct_range(&self) -> (Pct, Pct) {
        let nets = || self.round_trips.iter().map(|trip| trip.net_pct);
        (nets().min().unwrap_or_default(), nets().max().unwrap_or_default())
    }
}

impl RoundTrip {
    fn of((low, high): (Price, Price), qty: Qty, maker_fee_pct: Pct, direction: Direction) -> Self {
        let (bought, sold) = (low.notional(qty), high.notional(qty));
        let fees = fee(bought + sold, maker_fee_pct);
        let net = sold - bought - fees;
        let entry = entry_price(direction, low, high).notional(qty).decimal();
        let net_pct = net
            .decimal()
            .checked_mul(Decimal::ONE_HUNDRED)
            .and_then(|net| net.checked_div(entry))
            .and_then(|pct| Pct::try_new(pct.round_dp(6)).ok());
        Self { low, high, fees, net, net_pct: net_pct.unwrap_or_default() }
    }
}

/// Everything that can be judged without lines.
fn wishes(config: &GridConfig, spot: bool) -> Vec<PlanRefusal> {
    let GridConfig { lower, upper, direction, leverage, .. } = *config;
    let mut refusals = Vec::new();
    let mut refuse = |is_wrong: bool, refusal: PlanRefusal| {
        if is_wrong {
            refusals.push(refusal);
        }
    };
    refuse(lower >= upper, PlanRefusal::BoundsReversed { lower, upper });
    refuse(!(LINES_MIN..=LINES_MAX).contains(&config.count), PlanRefusal::Count { count: config.count });
    refuse(config.investment <= Quote::ZERO, PlanRefusal::NothingInvested { investment: config.investment });
    if let Some(trigger) = config.trigger {
        refuse(trigger < lower || trigger > upper, PlanRefusal::TriggerOutside { trigger, lower, upper });
    }
    if let Some(stop) = config.stop_upper {
        refuse(stop <= upper, PlanRefusal::StopUpperInside { stop, upper });
    }
    if let Some(stop) = config.stop_lower {
        refuse(stop >= lower, PlanRefusal::StopLowerInside { stop, lower });
    }
    let has_stop = config.stop_lower.is_some() || config.stop_upper.is_some();
    refuse(config.close_on_stop && !has_stop, PlanRefusal::NothingToCloseOn);
    refuse(config.buy_in && direction == Direction::Neutral, PlanRefusal::BuyInNeutral);
    refuse(spot && direction != Direction::Long, PlanRefusal::NotLongOnSpot { direction });
    refuse(spot && leverage > Leverage::ONE, PlanRefusal::LeverageOnSpot { leverage });
    refuse(spot && config.exchange_stop, PlanRefusal::ExchangeStopOnSpot);
    if let Some(needed) = missing_stop(config) {
        refuse(config.exchange_stop && !spot, PlanRefusal::NoStopToRest { direction, needed });
    }
    refusals
}

/// A bound may have been rounded past its stop.
fn stops_on_lines(config: &GridConfig, prices: &[Price], known: &[PlanRefusal]) -> Vec<PlanRefusal> {
    let upper = config.stop_upper.zip(prices.last().copied()).filter(|(stop, upper)| stop <= upper);
    let lower = config.stop_lower.zip(prices.first().copied()).filter(|(stop, lower)| stop >= lower);
    let refusals = [
        upper.map(|(stop, upper)| PlanRefusal::StopUpperInside { stop, upper }),
        lower.map(|(stop, lower)| PlanRefusal::StopLowerInside { stop, lower }),
    ];
    let is_new = |refusal: &PlanRefusal| known.iter().all(|known| known.key() != refusal.key());
    refusals.into_iter().flatten().filter(is_new).collect()
}

/// The stop that would have to rest at the exchange, and is not given.
fn missing_stop(config: &GridConfig) -> Option<&'static str> {
    match (config.direction, config.stop_lower, config.stop_upper) {
        (Direction::Long, None, _) => Some("stop_lower"),
        (Direction::Short, _, None) => Some("stop_upper"),
        (Direction::Neutral, None, _) | (Direction::Neutral, _, None) => Some("stop_lower and stop_upper"),
        (Direction::Long, Some(_), _)
        | (Direction::Short, _, Some(_))
        | (Direction::Neutral, Some(_), Some(_)) => None,
    }
}

/// The instrument's tick; in Upbit's KRW market, whose ticks grow with the price, that of the highest line.
fn tick(config: &GridConfig, instrument: &Instrument) -> Price {
    let band = match instrument.quote_asset() {
        "KRW" => Price::try_new(krw_steps::step_at(config.upper.decimal())).ok(),
        _ => None,
    };
    band.map_or(instrument.tick, |band| band.max(instrument.tick))
}

/// The lines' prices, apart from each other and worth their fees. Nothing is said again of bounds or counts that are
/// refused anyway.
fn ladder(config: &GridConfig, tick: Price, maker_fee_pct: Pct) -> Result<Vec<Price>, Option<PlanRefusal>> {
    let GridConfig { lower, upper, count, mode, .. } = *config;
    if lower >= upper || !(LINES_MIN..=LINES_MAX).contains(&count) {
        return Err(None);
    }
    let of = |count: u16| spacing::prices((lower, upper), count, mode, tick);
    let Some(prices) = of(count) else {
        return Err(Some(PlanRefusal::BeyondDecimals { lower, upper }));
    };
    let most = |is_fine: &dyn Fn(&[Price]) -> bool| {
        (LINES_MIN..count).rev().find(|fewer| of(*fewer).is_some_and(|prices| is_fine(&prices)))
    };
    if let Some((index, low, _)) = worst(&prices, |low, high| low >= high) {
        return Err(Some(PlanRefusal::LinesCollapse {
            low_line: index,
            high_line: index.saturating_add(1),
            price: low,
            tick,
            count,
            lower,
            upper,
            fits: most(&|prices| worst(prices, |low, high| low >= high).is_none()),
        }));
    }
    if let Some((_, low, high)) =
        worst(&prices, |low, high| unit_net(low, high, maker_fee_pct).2 <= Quote::ZERO)
    {
        let (earned, fees, net) = unit_net(low, high, maker_fee_pct);
        let fits = most(&|prices| {
            worst(prices, |low, high| unit_net(low, high, maker_fee_pct).2 <= Quote::ZERO).is_none()
        });
        return Err(Some(PlanRefusal::SpacingBelowFees {
            low,
            high,
            earned,
            maker_fee_pct,
            fees,
            net,
            fits,
        }));
    }
    Ok(prices)
}

/// Of the neighbours that `is_bad`, the two that are closest for their price.
fn worst(prices: &[Price], is_bad: impl Fn(Price, Price) -> bool) -> Option<(u16, Price, Price)> {
    let neighbours = prices.iter().zip(prices.iter().skip(1));
    (0_u16..)
        .zip(neighbours)
        .map(|(index, (low, high))| (index, *low, *high))
        .filter(|(_, low, high)| is_bad(*low, *high))
        .min_by_key(|(_, low, high)| Pct::change(*low, *high))
}

/// What a round trip of one unit earns, costs and leaves.
fn unit_net(low: Price, high: Price, maker_fee_pct: Pct) -> (Quote, Quote, Quote) {
    let one = Qty::try_new(Decimal::ONE).unwrap_or_default();
    let trip = RoundTrip::of((low, high), one, maker_fee_pct, Direction::Long);
    (high.notional(one) - low.notional(one), trip.fees, trip.net)
}

/// Where a grid enters; of a neutral one's two ways the dearer.
const fn entry_price(direction: Direction, low: Price, high: Price) -> Price {
    match direction {
        Direction::Long => low,
        Direction::Short | Direction::Neutral => high,
    }
}

/// `pct` percent of the notional, exact.
fn fee(notional: Quote, pct: Pct) -> Quote {
    Quote::new(notional.decimal().saturating_mul(pct.fraction()).normalize())
}

fn even_share(config: &GridConfig) -> Quote {
    let grids = Decimal::from(config.count.saturating_sub(1).max(1));
    let share = config.investment.decimal().checked_div(grids).unwrap_or_default();
    Quote::new(share.round_dp_with_strategy(8, RoundingStrategy::ToZero).normalize())
}

/// How much each grid trades.
struct Sizing {
    /// Sum of the entries' prices.
    entries: Decimal,
    lowest_entry: Price,
    leverage: Leverage,
    /// % of an entry; 0 when entries are paid for.
    fee_pct: Pct,
    qty: Qty,
}

impl Sizing {
    fn of(config: &GridConfig, instrument: &Instrument, maker_fee_pct: Pct, prices: &[Price]) -> Self {
        let entries = || {
            let neighbours = prices.iter().zip(prices.iter().skip(1));
            neighbours.map(|(low, high)| entry_price(config.direction, *low, *high))
        };
        let mut sizing = Self {
            entries: entries().map(Price::decimal).fold(Decimal::ZERO, Decimal::saturating_add),
            lowest_entry: entries().min().unwrap_or(config.lower),
            leverage: config.leverage,
            fee_pct: maker_fee_pct.max(Pct::ZERO),
            qty: Qty::ZERO,
        };
        sizing.qty = sizing.affordable(config.investment, instrument).unwrap_or_default();
        sizing
    }

    /// The most that `investment` carries, on the step.
    fn affordable(&self, investment: Quote, instrument: &Instrument) -> Option<Qty> {
        let leverage = Decimal::from(self.leverage.get());
        let dearer = self.fee_pct.fraction().checked_mul(leverage)?.checked_add(Decimal::ONE)?;
        let carried = investment.decimal().max(Decimal::ZERO).checked_mul(leverage)?;
        let qty = carried.checked_div(self.entries.checked_mul(dearer)?)?;
        let qty = qty.min(QTY_MAX).round_dp_with_strategy(10, RoundingStrategy::ToZero);
        let qty = Qty::try_new(qty).ok()?;
        let qty = instrument.floor_qty(qty);
        // The division may have rounded up in its last digit.
        Some(if self.needed_for(qty) > investment { qty.minus(instrument.step) } else { qty })
    }

    fn notional_of(&self, qty: Qty) -> Quote {
        Quote::new(self.entries.saturating_mul(qty.decimal()).normalize())
    }

    fn needed_for(&self, qty: Qty) -> Quote {
        let notional = self.notional_of(qty);
        notional.margin_at(self.leverage) + fee(notional, self.fee_pct)
    }

    fn refusals(&self, config: &GridConfig, instrument: &Instrument) -> Vec<PlanRefusal> {
        let Instrument { min_qty, min_notional, .. } = *instrument;
        let (investment, count, qty) = (config.investment, config.count, self.qty);
        if investment <= Quote::ZERO {
            return Vec::new();
        }
        let mut refusals = Vec::new();
        if instrument.check_qty(qty).is_err() {
            let needed = self.needed_for(min_qty.max(instrument.step));
            refusals.push(PlanRefusal::BelowMinQty { investment, qty, min_qty, needed, count });
        }
        if instrument.check_notional(self.lowest_entry, qty).is_err() {
            let enough = min_notional.quantity_at(self.lowest_entry).floor_to(instrument.step);
            let enough = match instrument.check_notional(self.lowest_entry, enough) {
                Ok(()) => enough,
                Err(_) => enough.plus(instrument.step),
            };
            refusals.push(PlanRefusal::BelowMinNotional {
                investment,
                qty,
                price: self.lowest_entry,
                notional: self.lowest_entry.notional(qty),
                min_notional,
                needed: self.needed_for(enough.max(min_qty)),
                count,
            });
        }
        refusals
    }
}

/// What is known of the account and the market when a grid is about to start; what is unknown is not judged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    pub price: Option<Price>,
    /// The account's equity, and the bot's share of it in %.
    pub equity: Option<(Quote, Pct)>,
    /// The least of bot, account and policy.
    pub max_leverage: Option<Leverage>,
}

impl Surroundings {
    /// What forbids `config` to start here, beside what [`Plan::of`] says.
    pub fn refusals(&self, config: &GridConfig) -> Vec<PlanRefusal> {
        let GridConfig { lower, upper, investment, leverage, .. } = *config;
        let mut refusals = Vec::new();
        if let Some((equity, allocation_percent)) = self.equity {
            let capital = equity.part(allocation_percent);
            if investment > capital {
                refusals.push(PlanRefusal::AboveCapital { investment, allocation_percent, equity, capital });
            }
        }
        if let Some(allowed) = self.max_leverage.filter(|allowed| leverage > *allowed) {
            refusals.push(PlanRefusal::LeverageAbove { leverage, allowed });
        }
        if let Some(price) = self.price.filter(|_| config.trigger.is_none() && lower < upper)
            && config.is_outside(price)
        {
            refusals.push(PlanRefusal::PriceOutside { price, lower, upper });
        }
        refusals
    }
}

#[cfg(test)]
mod tests;
