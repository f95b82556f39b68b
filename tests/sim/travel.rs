//! The network between the process and the exchange: what becomes of a request on its way, and of its answer.

use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::error::ExchangeError;

use crate::desk::{Desk, Done, Stop};
use crate::faults::{Fault, scaled};
use crate::mutants::Mutant;
use crate::venue::{Due, Venue};

/// The executor's time-outs, in ms.
const CALL_TIMEOUT: i64 = 10_000;
const QUESTION_TIMEOUT: i64 = 30_000;

/// What becomes of a request that left.
struct Way {
    /// When it arrives, if it does.
    there: Option<i64>,
    /// When its answer is back, if it comes.
    back: Option<i64>,
    gives_up: i64,
}

impl Desk<'_> {
    /// Sends a change; one answer a part.
    pub(crate) fn write(
        &mut self,
        make: impl Fn(u64, usize) -> Due,
        parts: usize,
    ) -> Done<Vec<Result<String, ExchangeError>>> {
        if let Err(error) = self.leave()? {
            return Ok(vec![Err(error); parts]);
        }
        let way = self.way();
        let calls: Vec<u64> = (0..parts).map(|_| self.venue.number()).collect();
        if let Some(there) = way.there {
            for (index, call) in calls.iter().enumerate() {
                self.venue.schedule(there, make(*call, index));
            }
        }
        self.crash_point("after a request was sent")?;
        let Some(back) = way.back.filter(|back| *back <= self.now + CALL_TIMEOUT) else {
            self.pass(way.gives_up - self.now)?;
            self.crash_point("after no answer came")?;
            return Ok(vec![Err(ExchangeError::Unknown { reason: "no answer".to_owned() }); parts]);
        };
        self.pass(back - self.now)?;
        self.crash_point("before an answer is taken in")?;
        let answers = calls.iter().map(|call| self.venue.answers.remove(call).unwrap()).collect();
        Ok(answers)
    }

    /// What happens before anything is on the wire; the inner error is the call's answer.
    fn leave(&mut self) -> Done<Result<(), ExchangeError>> {
        let until = self.blocked_until.get();
        if self.now < until {
            if !self.is(Mutant::IgnoresThrottle) {
                return Ok(Err(ExchangeError::Throttled { until: Timestamp::from_ms(until) }));
            }
            return Err(Stop::Wrong("a request was sent while the address had to wait".to_owned()));
        }
        if let Some(how) = self.dice.hits(Fault::Unreachable) {
            self.pass(scaled(how, 10, 3_000))?;
            return Ok(Err(ExchangeError::Unavailable { reason: "no route".to_owned() }));
        }
        let told_to_wait = [(Fault::Throttled, 15_000), (Fault::Banned, 90_000)];
        for (fault, most) in told_to_wait {
            if let Some(how) = self.dice.hits(fault) {
                self.pass(50)?;
                let until = self.now + scaled(how, 1_000, most);
                self.blocked_until.set(until);
                return Ok(Err(ExchangeError::Throttled { until: Timestamp::from_ms(until) }));
            }
        }
        if self.dice.hits(Fault::Unauthorized).is_some() {
            self.pass(50)?;
            return Ok(Err(ExchangeError::Unauthorized { reason: "key".to_owned() }));
        }
        Ok(Ok(()))
    }

    fn way(&mut self) -> Way {
        let now = self.now;
        let slow = self.dice.hits(Fault::Slow).map_or(0, |how| scaled(how, 200, 12_000));
        let normal = Way {
            there: Some(now + 30 + slow / 2),
            back: Some(now + 60 + slow),
            gives_up: now + (CALL_TIMEOUT).min(60 + slow.max(1)),
        };
        let silent = |gives_up: i64, there: Option<i64>| Way { there, back: None, gives_up: now + gives_up };
        if let Some(how) = self.dice.hits(Fault::LostRequest) {
            return silent(scaled(how, 50, CALL_TIMEOUT), None);
        }
        if let Some(how) = self.dice.hits(Fault::LostAnswer) {
            return silent(scaled(how, 100, CALL_TIMEOUT), Some(now + 40));
        }
        if let Some(how) = self.dice.hits(Fault::DelayedRequest) {
            // Many arrive just before the shortest receive window ends, where it matters most.
            let (least, most) = match how % 4 {
                0 => (200, self.plan.dialect.under_way_max()),
                1 => (200, 3_000),
                _ => (3_000, 7_500),
            };
            let there = now + scaled(how.rotate_left(9), least, most);
            // A connection that breaks is noticed long before a time-out.
            let noticed = if how & 8 == 0 { 1_000 } else { CALL_TIMEOUT };
            return silent(scaled(how, 100, noticed), Some(there));
        }
        if let Some(how) = self.dice.hits(Fault::ServerError) {
            let there = (how % 2 == 0).then_some(now + 30);
            return silent(60, there);
        }
        normal
    }

    /// Asks something; where no answer comes it was not asked.
    pub(crate) fn ask<T>(
        &mut self,
        question: impl FnOnce(&Venue, i64) -> T,
    ) -> Done<Result<T, ExchangeError>> {
        let answer = self.ask_once(question)?;
        Ok(self.heard(answer))
    }

    fn ask_once<T>(&mut self, question: impl FnOnce(&Venue, i64) -> T) -> Done<Result<T, ExchangeError>> {
        if let Err(error) = self.leave()? {
            return Ok(Err(error));
        }
        if let Some(how) = self.dice.hits(Fault::ReadFails) {
            let reason = "no answer".to_owned();
            self.pass(scaled(how, 50, QUESTION_TIMEOUT))?;
            return Ok(Err(match how % 3 {
                0 => ExchangeError::Unavailable { reason },
                1 => ExchangeError::Malformed { reason },
                _ => ExchangeError::Unknown { reason },
            }));
        }
        let slow = self.dice.hits(Fault::Slow).map_or(0, |how| scaled(how, 100, 4_000));
        self.pass(30 + slow)?;
        if self.now < self.venue.maintenance_until {
            return Ok(Err(ExchangeError::Unavailable { reason: "maintenance".to_owned() }));
        }
        let lag = self.dice.hits(Fault::StaleRead).map_or(0, |how| scaled(how, 100, 4_000));
        let answer = question(&self.venue, lag);
        self.pass(30 + slow)?;
        self.p().offset = self.venue.offset + 150;
        self.crash_point("after a question")?;
        Ok(Ok(answer))
    }
}
