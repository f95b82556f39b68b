//! Binance USDS-M futures, as its clients see it.
//!
//! Facts: <https://developers.binance.com/docs/derivatives/usds-margined-futures>. The endpoints are the table in
//! `routes`; what differs from the real exchange is in `docs/simulate.md`.

#[expect(clippy::unnecessary_wraps, reason = "every handler of the table has one shape")]
mod account_data;
mod account_write;
mod algo;
mod algo_json;
mod error;
mod events;
mod income;
#[expect(clippy::unnecessary_wraps, reason = "every handler of the table has one shape")]
mod listen_key;
#[expect(clippy::unnecessary_wraps, reason = "every handler of the table has one shape")]
mod market_data;
mod order_json;
mod order_query;
mod orders;
mod params;
mod routes;
mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::Method;
use serde_json::{Value, json};

use self::error::Error;
use self::listen_key::ListenKeys;
use self::params::{Params, is_signed};
use self::routes::{Route, Security, Write, route};
use super::accounts_file::Permission;
use super::dialect::{Answer, Dialect, Request, ServerRefusal, Session};
use super::event::AccountIndex;
use super::hub::Link;
use super::limits::{Exceeded, Limit, Payer};
use super::lock::lock;
use super::stats::RequestKind;
use super::venue::Venue;
use crate::domain::instrument::Symbol;
use crate::domain::time::{DurationMs, Timestamp};

const WEIGHT: Limit = Limit { bucket: "request_weight", window: DurationMs::from_secs(60), max: 2_400 };
const ORDERS_10S: Limit = Limit { bucket: "orders_10s", window: DurationMs::from_secs(10), max: 300 };
const ORDERS_1M: Limit = Limit { bucket: "orders_1m", window: DurationMs::from_secs(60), max: 1_200 };
/// Requests after a 429 that make it a 418, and how long an address is then banned.
const STRIKES_MAX: u64 = 20;
const BAN: DurationMs = DurationMs::from_secs(120);

const RECV_WINDOW: i64 = 5_000;
const RECV_WINDOW_MAX: i64 = 60_000;
/// How far a timestamp may be ahead of the server.
const AHEAD: DurationMs = DurationMs::from_ms(1_000);

/// See the module.
pub struct Binance(Arc<State>);

/// What requests and connections share.
struct State {
    venue: Arc<Venue>,
    listen_keys: Mutex<ListenKeys>,
    /// When all orders of an account in a symbol are to be cancelled.
    countdowns: Mutex<BTreeMap<(AccountIndex, Symbol), Timestamp>>,
}

/// One call of a handler.
struct Call<'a> {
    state: &'a State,
    venue: &'a Venue,
    params: &'a Params,
    /// Of the key, checked as the route asks for; the first account where a route needs none.
    account: AccountIndex,
}

type Reply = Result<Value, Error>;

impl Binance {
    pub fn new(venue: Arc<Venue>) -> Self {
        Self(Arc::new(State { venue, listen_keys: Mutex::default(), countdowns: Mutex::default() }))
    }
}

impl State {
    fn call(&self, request: &Request) -> Result<Answer, Error> {
        let params = Params::read(&request.query, &request.body);
        let payer = Payer::Address(request.peer);
        let Some(route) = route(&request.method, &request.path) else {
            let message = format!("Path {}, Method {} is invalid", request.path, request.method);
            return Err(Error { status: 404, ..Error::new(-5000, message) });
        };
        let charged = self.venue.charge(payer, WEIGHT, (route.weight)(&params));
        charged.map_err(|exceeded| self.exceeded(request, exceeded))?;
        let account = self.authorized(request, &params, route)?;
        self.charge_orders(route, &params, account)?;
        let call = Call { state: self, venue: &self.venue, params: &params, account };
        let value = (route.handler)(&call)?;
        let mut answer = Answer::json(200, &value);
        if matches!(route.write, Write::Orders(_)) {
            let payer = Payer::Account(account);
            for (name, limit) in [("x-mbx-order-count-10s", ORDERS_10S), ("x-mbx-order-count-1m", ORDERS_1M)]
            {
                answer.headers.push((name, self.venue.used(payer, limit).to_string()));
            }
        }
        Ok(answer)
    }

    /// Who asks, when the route wants to know.
    fn authorized(&self, request: &Request, params: &Params, route: &Route) -> Result<AccountIndex, Error> {
        if route.security == Security::Open {
            return Ok(AccountIndex(0));
        }
        let key = request.header("x-mbx-apikey");
        if key.is_empty() {
            return Err(Error::unauthorized(-2014, "API-key format invalid."));
        }
        let unknown = || Error::unauthorized(-2015, "Invalid API-key, IP, or permissions for action.");
        let account = self.venue.account_of_key(key).ok_or_else(unknown)?;
        let spec = self.venue.with(account, |account| account.spec.clone()).ok_or_else(unknown)?;
        let needed = if route.write == Write::No { Permission::Read } else { Permission::Trade };
        if !spec.may(needed) {
            return Err(unknown());
        }
        if route.security == Security::Key {
            return Ok(account);
        }
        let signed_at: i64 = params.parse("timestamp")?.ok_or_else(|| Error::missing("timestamp"))?;
        let window = params.parse("recvWindow")?.unwrap_or(RECV_WINDOW);
        if window > RECV_WINDOW_MAX {
            return Err(Error::new(-1131, "recvWindow must be less than 60000"));
        }
        if !is_signed(&request.query, &request.body, &spec.api_secret) {
            return Err(Error::new(-1022, "Signature for this request is not valid."));
        }
        let signed_at = Timestamp::from_ms(signed_at);
        if !self.venue.is_timely(signed_at, DurationMs::from_ms(window), AHEAD) {
            let message = if signed_at > self.venue.server_time() {
                "Timestamp for this request was 1000ms ahead of the server's time."
            } else {
                "Timestamp for this request is outside of the recvWindow."
            };
            return Err(Error::new(-1021, message));
        }
        Ok(account)
    }

    fn charge_orders(&self, route: &Route, params: &Params, account: AccountIndex) -> Result<(), Error> {
        let Write::Orders(count) = route.write else { return Ok(()) };
        let payer = Payer::Account(account);
        let ten_seconds = self.venue.charge(payer, ORDERS_10S, count(params));
        ten_seconds.and_then(|_| self.venue.charge(payer, ORDERS_1M, 1)).map(|_| ()).map_err(|_| Error {
            status: 429,
            ..Error::new(-1015, "Too many new orders; current limit is 300 orders per 10 SECOND.")
        })
    }

    fn exceeded(&self, request: &Request, exceeded: Exceeded) -> Error {
        if exceeded.strikes > STRIKES_MAX {
            let until = self.venue.now().plus(BAN);
            self.venue.ban(request.peer, until);
            return banned(until);
        }
        too_many()
    }

    /// Seconds of the wall clock until the weight window ends, or a ban.
    fn retry_after(&self, until: Timestamp) -> String {
        let span = self.venue.clock.until(until);
        span.as_secs().saturating_add(1).to_string()
    }

    fn error_answer(&self, error: &Error) -> Answer {
        let mut answer = Answer::json(error.status, &error.to_json());
        if matches!(error.status, 418 | 429) {
            let minute = WEIGHT.window.ms();
            let end = (self.venue.now().ms().div_euclid(minute) + 1) * minute;
            let until =
                if error.status == 418 { self.venue.now().plus(BAN) } else { Timestamp::from_ms(end) };
            answer.headers.push(("retry-after", self.retry_after(until)));
        }
        answer
    }
}

fn too_many() -> Error {
    let message = "Too many requests; current limit of IP is 2400 requests per minute. Please use the websocket \
                   for live updates to avoid polling the API.";
    Error { status: 429, ..Error::new(-1003, message) }
}

fn banned(until: Timestamp) -> Error {
    let message = format!(
        "Way too many requests; IP banned until {}. Please use the websocket for live updates to avoid bans.",
        until.ms()
    );
    Error { status: 418, ..Error::new(-1003, message) }
}

impl Dialect for Binance {
    fn account(&self, request: &Request) -> Option<AccountIndex> {
        self.0.venue.account_of_key(request.header("x-mbx-apikey"))
    }

    fn kind(&self, request: &Request) -> RequestKind {
        let writes = matches!(request.method, Method::POST | Method::PUT | Method::DELETE);
        match route(&request.method, &request.path) {
            Some(route) if route.security == Security::Signed && writes => RequestKind::PrivateWrite,
            Some(route) if route.security != Security::Open => RequestKind::PrivateRead,
            _ => RequestKind::Public,
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut answer = self.0.call(request).unwrap_or_else(|error| self.0.error_answer(&error));
        let used = self.0.venue.used(Payer::Address(request.peer), WEIGHT);
        answer.headers.push(("x-mbx-used-weight-1m", used.to_string()));
        answer
    }

    fn refuse(&self, refusal: ServerRefusal) -> Answer {
        // Answers of 503 have no code.
        let unavailable = |message: &str| Answer::json(503, &json!({ "msg": message }));
        match refusal {
            ServerRefusal::Maintenance => unavailable("Service Unavailable."),
            ServerRefusal::Failed { .. } => {
                unavailable("Unknown error, please check your request or try again later.")
            }
            ServerRefusal::RateLimited => self.0.error_answer(&too_many()),
            ServerRefusal::Banned { until } => {
                let mut answer = Answer::json(418, &banned(until).to_json());
                answer.headers.push(("retry-after", self.0.retry_after(until)));
                answer
            }
        }
    }

    fn second(&self) {
        let now = self.0.venue.now();
        lock(&self.0.listen_keys).expire(now);
        let due: Vec<_> = {
            let mut countdowns = lock(&self.0.countdowns);
            let due = countdowns.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
            countdowns.retain(|_, at| *at > now);
            due
        };
        for (account, symbol) in due {
            orders::cancel_all(&self.0.venue, account, &symbol);
        }
    }

    fn socket(&self, request: &Request, link: Link) -> Result<Box<dyn Session>, Answer> {
        stream::open(&self.0, request, link)
    }
}

#[cfg(test)]
mod tests;
