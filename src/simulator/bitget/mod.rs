//! Bitget USDT futures (API v2, classic accounts), as its clients see it.
//!
//! Facts: <https://www.bitget.com/api-doc/contract/intro>. The endpoints are the table in `routes`; what differs from
//! the real exchange is in `docs/simulate.md`.

#[expect(clippy::unnecessary_wraps, reason = "every handler of the table has one shape")]
mod account_data;
mod account_write;
mod error;
mod events;
pub(super) mod ids;
#[expect(clippy::unnecessary_wraps, reason = "every handler of the table has one shape")]
mod market_data;
mod order_query;
mod order_rows;
mod orders;
mod params;
mod plan_rows;
mod plans;
mod routes;
mod session;
mod signature;

use std::sync::Arc;

use axum::http::Method;
use serde_json::{Value, json};

use self::error::Error;
use self::params::Params;
use self::routes::{Access, Route, route};
use super::accounts_file::{AccountSpec, Permission};
use super::dialect::{Answer, Dialect, Request, ServerRefusal, Session};
use super::event::AccountIndex;
use super::hub::Link;
use super::limits::{Limit, Payer};
use super::stats::RequestKind;
use super::venue::Venue;
use crate::domain::time::{DurationMs, Timestamp};

/// All requests of an address; what is beyond is answered with a ban.
const REQUESTS: Limit = Limit { bucket: "requests_1m", window: DurationMs::from_secs(60), max: 6_000 };
const BAN: DurationMs = DurationMs::from_secs(300);
/// How far a timestamp may be from the server's time.
const SKEW_MAX: DurationMs = DurationMs::from_secs(30);

/// See the module.
pub struct Bitget(Arc<Venue>);

/// One call of a handler.
struct Call<'a> {
    venue: &'a Venue,
    params: &'a Params,
    /// Of the key, checked as the route asks for; the first account where a route needs none.
    account: AccountIndex,
}

type Reply = Result<Value, Error>;

impl Bitget {
    pub fn new(venue: Arc<Venue>) -> Self {
        Self(venue)
    }

    fn call(&self, request: &Request) -> Reply {
        let venue = &*self.0;
        if venue.charge(Payer::Address(request.peer), REQUESTS, 1).is_err() {
            venue.ban(request.peer, venue.now().plus(BAN));
            return Err(Error::too_many());
        }
        if request.path.starts_with("/api/v3/") {
            return Err(Error::new(
                "40084",
                "You are in Classic Account mode, and the Unified Account API is not supported at this time",
            ));
        }
        let route = route(&request.method, &request.path).ok_or_else(Error::no_such_path)?;
        let account = match route.access {
            Access::Public => AccountIndex(0),
            Access::Read | Access::Trade => self.authorized(request, route)?,
        };
        let payer = if route.access == Access::Public {
            Payer::Address(request.peer)
        } else {
            Payer::Account(account)
        };
        let limit = Limit { bucket: route.path, window: DurationMs::from_secs(1), max: route.per_second };
        venue.charge(payer, limit, 1).map_err(|_| Error::too_many())?;
        let params = Params::read(&request.query, &request.body)?;
        (route.handler)(&Call { venue, params: &params, account })
    }

    /// Who asks; the order of the checks is that of the codes.
    fn authorized(&self, request: &Request, route: &Route) -> Result<AccountIndex, Error> {
        let needed = |name: &str, code, what: &str| match request.header(name) {
            "" => Err(Error::new(code, format!("{what} cannot be empty"))),
            text => Ok(text.to_owned()),
        };
        let key = needed("access-key", "40001", "ACCESS_KEY")?;
        let sign = needed("access-sign", "40003", "Signature")?;
        let stamp = needed("access-timestamp", "40002", "ACCESS_TIMESTAMP")?;
        let passphrase = needed("access-passphrase", "40011", "ACCESS_PASSPHRASE")?;
        let account = self.0.account_of_key(&key);
        let account = account.ok_or_else(|| Error::new("40037", "Apikey does not exist"))?;
        let stamp_ms: i64 = stamp.parse().map_err(|_| Error::new("40005", "Invalid ACCESS_TIMESTAMP"))?;
        if !self.is_timely(Timestamp::from_ms(stamp_ms)) {
            return Err(Error::new("40008", "Request timestamp expired"));
        }
        let spec = self.spec(account)?;
        if passphrase != spec.passphrase {
            return Err(Error::new("40012", "apikey/password is incorrect"));
        }
        if !signature::is_signed(request, &stamp, &sign, &spec.api_secret) {
            return Err(Error::new("40009", "sign signature error"));
        }
        if spec.unified {
            let message =
                "You are in Unified Account mode, and the Classic Account API is not supported at this time";
            return Err(Error::new("40085", message));
        }
        let permission = if route.access == Access::Trade { Permission::Trade } else { Permission::Read };
        if !spec.may(permission) {
            return Err(Error::new("40014", "Incorrect permissions"));
        }
        Ok(account)
    }

    fn spec(&self, account: AccountIndex) -> Result<AccountSpec, Error> {
        let spec = self.0.with(account, |account| account.spec.clone());
        spec.ok_or_else(|| Error::new("40037", "Apikey does not exist"))
    }

    fn is_timely(&self, stamp: Timestamp) -> bool {
        self.0.is_timely(stamp, SKEW_MAX, SKEW_MAX)
    }

    fn envelope(&self, code: &str, message: &str, data: &Value) -> Value {
        json!({ "code": code, "msg": message, "requestTime": self.0.server_time().ms(), "data": data })
    }

    fn error_answer(&self, error: &Error) -> Answer {
        Answer::json(error.status, &self.envelope(error.code, &error.message, &Value::Null))
    }
}

impl Dialect for Bitget {
    fn account(&self, request: &Request) -> Option<AccountIndex> {
        self.0.account_of_key(request.header("access-key"))
    }

    fn kind(&self, request: &Request) -> RequestKind {
        match route(&request.method, &request.path).map(|route| route.access) {
            Some(Access::Read | Access::Trade) if request.method == Method::POST => RequestKind::PrivateWrite,
            Some(Access::Read | Access::Trade) => RequestKind::PrivateRead,
            Some(Access::Public) | None => RequestKind::Public,
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        match self.call(request) {
            Ok(data) => Answer::json(200, &self.envelope("00000", "success", &data)),
            Err(error) => self.error_answer(&error),
        }
    }

    fn refuse(&self, refusal: ServerRefusal) -> Answer {
        match refusal {
            ServerRefusal::Maintenance => {
                self.error_answer(&Error::new("40200", "Server upgrade, please try again later"))
            }
            ServerRefusal::Failed { .. } => {
                let error = Error::new("40725", "service return an error");
                self.error_answer(&Error { status: 500, ..error })
            }
            ServerRefusal::RateLimited => self.error_answer(&Error::too_many()),
            ServerRefusal::Banned { until } => {
                let mut answer = self.error_answer(&Error::too_many());
                let seconds = self.0.clock.until(until).as_secs().saturating_add(1);
                answer.headers.push(("retry-after", seconds.to_string()));
                answer
            }
        }
    }

    fn second(&self) {}

    fn socket(&self, request: &Request, link: Link) -> Result<Box<dyn Session>, Answer> {
        session::open(&self.0, request, link).ok_or_else(|| self.error_answer(&Error::no_such_path()))
    }
}

#[cfg(test)]
mod tests;
