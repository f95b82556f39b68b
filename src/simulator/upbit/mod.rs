//! Upbit, spot in KRW, as its clients see it.
//!
//! Facts: <https://docs.upbit.com>. The endpoints are the table in `routes`. What a client must be ready for and is
//! here too: an order is answered as waiting whatever became of it, a cancel is answered before it is done, an order
//! that bought for a total ends as cancelled, an identifier is used up even by an order that was refused, candles come
//! newest first and not at all where nothing was traded, times are Korea's, and sockets speak in binary frames.

mod account_data;
mod error;
mod frames;
pub(super) mod ids;
mod market_data;
mod number;
mod order_query;
mod order_rows;
mod orders;
mod params;
mod routes;
mod session;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use rust_decimal::{Decimal, dec};

use self::error::Error;
use self::params::Params;
use self::routes::{Route, Security, route};
use self::token::Nonces;
use super::accounts_file::Permission;
use super::dialect::{Answer, Dialect, Request, ServerRefusal, Session};
use super::event::AccountIndex;
use super::hub::Link;
use super::limits::{Exceeded, Limit, Payer};
use super::lock::lock;
use super::order::{NewOrder, Origin, Tags};
use super::stats::RequestKind;
use super::venue::{SymbolRules, Venue};
use crate::domain::krw_steps;
use crate::domain::money::{Price, Qty, Quote};
use crate::domain::order::OrderKind;
use crate::domain::side::{PositionSide, Side};
use crate::domain::time::{DurationMs, Timestamp};

/// Requests of a browser's page: those that name an origin.
const ORIGIN: Limit = Limit { bucket: "origin", window: DurationMs::from_secs(10), max: 1 };
/// Refusals within one window of a limit that make an address banned, and how long the first ban lasts.
const STRIKES_MAX: u64 = 10;
const FIRST_BAN: DurationMs = DurationMs::from_secs(60);
/// Volumes are multiples of this.
const STEP: Decimal = dec!(0.00000001);
/// What an order is worth at least, in KRW.
const MIN_TOTAL: Decimal = dec!(5_000);
/// What the demo account has bought of the first market, in KRW: without coins nothing can be sold.
const DEMO_COINS: Decimal = dec!(1_000_000);

/// See the module.
pub struct Upbit(Arc<State>);

/// What requests and connections share.
struct State {
    venue: Arc<Venue>,
    nonces: Mutex<Nonces>,
    /// Those that were used up.
    identifiers: Mutex<BTreeSet<(AccountIndex, String)>>,
    /// How often an address was banned: each ban is twice as long as the one before.
    bans: Mutex<BTreeMap<IpAddr, u32>>,
}

/// One call of a handler.
struct Call<'a> {
    state: &'a State,
    venue: &'a Venue,
    path: &'a str,
    params: &'a Params,
    /// Of the token; the first account where a route needs none.
    account: AccountIndex,
}

/// The body of an answer.
type Reply = Result<String, Error>;

fn reply(body: &impl serde::Serialize) -> Reply {
    serde_json::to_string(body).map_err(|_| Error::new(500, "server_error", ""))
}

impl Upbit {
    /// Takes the venue over: its markets get this exchange's rules, its demo account some coins.
    pub fn new(venue: Arc<Venue>) -> Self {
        for rules in venue.all_rules() {
            venue.set_rules(with_our_rules(&venue, rules));
        }
        if let Some(account) = venue.account_of_name("demo") {
            endow(&venue, account);
        }
        Self(Arc::new(State {
            venue,
            nonces: Mutex::default(),
            identifiers: Mutex::default(),
            bans: Mutex::default(),
        }))
    }
}

fn with_our_rules(venue: &Venue, mut rules: SymbolRules) -> SymbolRules {
    let instrument = &mut rules.instrument;
    instrument.min_notional = Quote::new(MIN_TOTAL);
    if let Ok(step) = Qty::try_new(STEP) {
        instrument.step = step;
        instrument.min_qty = step;
    }
    // Below the lowest band the listing's own tick stays.
    let step = venue.price(&instrument.symbol).map(|price| krw_steps::step_at(price.decimal()));
    if let Some(tick) = step.and_then(|step| Price::try_new(step).ok()) {
        instrument.tick = tick;
    }
    rules
}

fn endow(venue: &Venue, account: AccountIndex) {
    let Some(rules) = venue.all_rules().into_iter().next() else { return };
    let symbol = rules.instrument.symbol;
    let Some(price) = venue.price(&symbol) else { return };
    let coins = NewOrder {
        client_id: String::new(),
        symbol,
        side: Side::Buy,
        position_side: PositionSide::Long,
        kind: OrderKind::Market,
        qty: Quote::new(DEMO_COINS).quantity_at(price).floor_to(rules.instrument.step),
        reduce_only: false,
        origin: Origin::Human,
        tags: Tags::new(),
    };
    if let Err(refusal) = venue.place(account, coins) {
        tracing::warn!(%refusal, "the demo account starts without coins");
    }
}

impl State {
    fn call(&self, request: &Request) -> Result<Answer, Error> {
        let unknown = || Error::new(404, "not_found", format!("{} {}", request.method, request.path));
        let route = route(&request.method, &request.path).ok_or_else(unknown)?;
        let params = Params::read(request)?;
        if !request.header("origin").is_empty() {
            self.charge(request.peer, Payer::Address(request.peer), ORIGIN)?;
        }
        let account = self.authorized(request, &params, route)?;
        let payer = match route.security {
            Security::Open => Payer::Address(request.peer),
            Security::Read | Security::Trade => Payer::Account(account),
        };
        let used = self.charge(request.peer, payer, route.group)?;
        let call = Call { state: self, venue: &self.venue, path: &request.path, params: &params, account };
        let outcome = (route.handler)(&call);
        let mut answer = match outcome {
            Ok(body) => {
                let headers = vec![("content-type", "application/json".to_owned())];
                Answer { status: route.status, headers, body }
            }
            Err(error) => error.answer(),
        };
        let left = route.group.max.saturating_sub(used);
        let remaining = format!("group={}; min=1800; sec={left}", route.group.bucket);
        answer.headers.push(("remaining-req", remaining));
        Ok(answer)
    }

    /// Who asks, when the route wants to know.
    fn authorized(&self, request: &Request, params: &Params, route: &Route) -> Result<AccountIndex, Error> {
        let needed = match route.security {
            Security::Open => return Ok(AccountIndex(0)),
            Security::Read => Permission::Read,
            Security::Trade => Permission::Trade,
        };
        let account = self.verify(request, &params.plain())?;
        let may = self.venue.with(account, |account| account.spec.may(needed));
        if may == Some(true) { Ok(account) } else { Err(Error::unauthorized("out_of_scope")) }
    }

    fn verify(&self, request: &Request, plain_params: &str) -> Result<AccountIndex, Error> {
        let header = request.header("authorization");
        token::verify(&self.venue, &mut lock(&self.nonces), header, plain_params)
    }

    fn charge(&self, peer: IpAddr, payer: Payer, limit: Limit) -> Result<u64, Error> {
        self.venue.charge(payer, limit, 1).map_err(|exceeded| self.exceeded(peer, exceeded))
    }

    fn exceeded(&self, peer: IpAddr, exceeded: Exceeded) -> Error {
        if exceeded.strikes <= STRIKES_MAX {
            return too_many();
        }
        let mut bans = lock(&self.bans);
        let earlier = bans.entry(peer).or_default();
        let length = FIRST_BAN.times(1_i64 << (*earlier).min(20));
        *earlier = earlier.saturating_add(1);
        let until = self.venue.now().plus(length);
        self.venue.ban(peer, until);
        self.banned(until)
    }

    /// The time is told in seconds of the wall clock.
    fn banned(&self, until: Timestamp) -> Error {
        let seconds = self.venue.clock.until(until).as_secs().saturating_add(1);
        Error::new(418, "banned", format!("Too many requests: blocked for {seconds} seconds."))
    }
}

fn too_many() -> Error {
    Error::new(429, "too_many_requests", "요청 수 제한을 초과했습니다.")
}

impl Dialect for Upbit {
    fn account(&self, request: &Request) -> Option<AccountIndex> {
        token::claimed(&self.0.venue, request.header("authorization"))
    }

    fn kind(&self, request: &Request) -> RequestKind {
        match route(&request.method, &request.path).map(|route| route.security) {
            Some(Security::Trade) => RequestKind::PrivateWrite,
            Some(Security::Read) => RequestKind::PrivateRead,
            Some(Security::Open) | None => RequestKind::Public,
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        self.0.call(request).unwrap_or_else(|error| error.answer())
    }

    fn refuse(&self, refusal: ServerRefusal) -> Answer {
        let error = match refusal {
            ServerRefusal::Maintenance => Error::new(503, "server_maintenance", "서버 점검 중입니다."),
            ServerRefusal::Banned { until } => self.0.banned(until),
            ServerRefusal::RateLimited => too_many(),
            ServerRefusal::Failed { .. } => Error::new(500, "server_error", ""),
        };
        error.answer()
    }

    fn second(&self) {}

    fn socket(&self, request: &Request, link: Link) -> Result<Box<dyn Session>, Answer> {
        session::open(&self.0, request, link).map_err(|error| error.answer())
    }
}

#[cfg(test)]
mod tests;
