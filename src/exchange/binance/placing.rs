//! Placing orders and taking them back.

use super::account::{BinanceExchange, SEND_DEADLINE};
use super::answers::{IdSpace, PlacedAlgo};
use super::errors::{Failure, item_failure};
use super::orders::{self, BATCH_MAX, OrderName, OrderTicket, Ticket};
use super::rest::{Done, Stamp, too_late, unreadable};
use crate::domain::ids::ClientOrderId;
use crate::domain::instrument::Symbol;
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::exchange::error::ExchangeError;
use crate::exchange::report::Accepted;
use crate::exchange::wire::{Access, Lane};

type Placed = Result<Accepted, ExchangeError>;

impl BinanceExchange {
    /// Plain orders that stand together travel together; conditions travel alone.
    pub(super) async fn place_all(&mut self, orders: &[Order]) -> Vec<Placed> {
        let now = self.rest.now();
        let checked: Vec<Result<(), ExchangeError>> = orders.iter().map(|order| check(order, now)).collect();
        let sendable: Vec<&Order> =
            orders.iter().zip(&checked).filter(|(_, check)| check.is_ok()).map(|(order, _)| order).collect();
        let mut placed = Vec::with_capacity(sendable.len());
        for together in sendable.chunk_by(|one, next| is_plain(one) && is_plain(next)) {
            for batch in together.chunks(usize::from(BATCH_MAX)) {
                match batch {
                    [order] => placed.push(self.place_alone(order).await),
                    several => placed.extend(self.place_batch(several).await),
                }
            }
        }
        let mut placed = placed.into_iter();
        let mut answer = || placed.next().unwrap_or_else(|| Err(no_answer()));
        checked.into_iter().map(|check| check.and_then(|()| answer())).collect()
    }

    async fn place_alone(&mut self, order: &Order) -> Placed {
        let ticket = Ticket::of(order, self.position_mode);
        let (call, stamp) = (ticket.call(orders::lane(order)), stamp_of(order.times.decided_at));
        let id = match ticket.space() {
            IdSpace::Orders => {
                let placed: super::answers::PlacedOrder = self.rest.ask_stamped(call, stamp).await?;
                placed.order_id.0
            }
            IdSpace::Algo => {
                let placed: PlacedAlgo = self.rest.ask_stamped(call, stamp).await?;
                placed.algo_id.0
            }
        };
        Ok(self.accepted(order, id))
    }

    /// One answer for each order, whatever happens.
    async fn place_batch(&mut self, batch: &[&Order]) -> Vec<Placed> {
        match self.send_batch(batch).await {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                let answer = |order: &&Order| match answers.next() {
                    Some(Ok(id)) => Ok(self.accepted(order, id)),
                    Some(Err(error)) => Err(error),
                    None => Err(no_answer()),
                };
                batch.iter().map(answer).collect()
            }
            Err(failure) => batch.iter().map(|_| Err(failure.error.clone())).collect(),
        }
    }

    /// A batch carries one stamp: that of the order that was decided first.
    async fn send_batch(&self, batch: &[&Order]) -> Result<Vec<Result<String, ExchangeError>>, Failure> {
        let tickets: Vec<OrderTicket<'_>> = batch
            .iter()
            .filter_map(|order| match Ticket::of(order, self.position_mode) {
                Ticket::Order(ticket) => Some(ticket),
                Ticket::Algo(_) => None,
            })
            .collect();
        let lane = batch.iter().map(|order| orders::lane(order)).min().unwrap_or(Lane::Entry);
        let decided_at = batch.iter().map(|order| order.times.decided_at).min().unwrap_or_default();
        let call = orders::place_batch(&tickets, lane).map_err(|error| ExchangeError::Refused {
            code: "unsendable".to_owned(),
            reason: error.to_string(),
        })?;
        let answer = self.rest.call(call, stamp_of(decided_at)).await?;
        let items =
            orders::read_batch(&answer.body).map_err(|error| unreadable(Access::Write, error.to_string()))?;
        let now = self.rest.line().clock().now();
        let judged = items.into_iter().map(|item| match item {
            Ok(placed) => Ok(placed.order_id.0),
            Err(body) => Err(self.rest.take_in(item_failure(body, now)).error),
        });
        Ok(judged.collect())
    }

    fn accepted(&mut self, order: &Order, exchange_order_id: String) -> Accepted {
        let (id, translator) = (&order.client_order_id, &mut self.stream.translator);
        if is_plain(order) {
            translator.link(&order.symbol, &exchange_order_id, id);
        } else {
            translator.rests(id, &order.symbol, order.side);
        }
        self.stream.expect(id, self.rest.now());
        Accepted { exchange_order_id }
    }

    pub(super) async fn cancel_one(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<(), ExchangeError> {
        let call = orders::cancel(orders::space_of(id), symbol, OrderName::Client(id.as_str()));
        let Done {} = self.rest.ask(call).await?;
        Ok(())
    }
}

fn is_plain(order: &Order) -> bool {
    orders::space_of(&order.client_order_id) == IdSpace::Orders
}

const fn stamp_of(decided_at: Timestamp) -> Stamp {
    Stamp::Decided { at: decided_at, deadline: decided_at.plus(SEND_DEADLINE) }
}

/// What is not sent at all: what was decided too long ago, and what could not be found again. An order is looked for
/// where its purpose says, so it must live there.
fn check(order: &Order, now: Timestamp) -> Result<(), ExchangeError> {
    if now > order.times.decided_at.plus(SEND_DEADLINE) {
        return Err(too_late());
    }
    let is_condition = orders::is_conditional(order.kind);
    if is_condition == is_plain(order) {
        let reason = format!("a {} order cannot be of purpose {} here", order.kind.as_str(), order.purpose);
        return Err(ExchangeError::Refused { code: "purpose".to_owned(), reason });
    }
    Ok(())
}

fn no_answer() -> ExchangeError {
    ExchangeError::Unknown { reason: "the answer does not tell of this order".to_owned() }
}
