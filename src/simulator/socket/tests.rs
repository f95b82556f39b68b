//! The faults of account events.

use super::*;
use crate::domain::instrument::Symbol;
use crate::domain::money::Leverage;
use crate::domain::time::Timestamp;
use crate::simulator::event::{AccountIndex, Happening};

/// Says the time of each event.
struct Echo;

impl Session for Echo {
    fn account(&self) -> Option<AccountIndex> {
        None
    }

    fn opened(&mut self) -> Vec<Message> {
        Vec::new()
    }

    fn received(&mut self, _: &str) -> Vec<Message> {
        Vec::new()
    }

    fn market(&mut self, _: &MarketUpdate) -> Vec<Message> {
        Vec::new()
    }

    fn event(&mut self, event: &AccountEvent) -> Vec<Message> {
        vec![Message::text(event.at.ms().to_string())]
    }

    fn second(&mut self) -> Vec<Message> {
        Vec::new()
    }
}

fn event(at: i64) -> Arc<AccountEvent> {
    let symbol = Symbol::try_new("BTCUSDT").unwrap();
    let happening = Happening::Leverage { symbol, leverage: Leverage::ONE };
    Arc::new(AccountEvent { account: AccountIndex(0), at: Timestamp::from_ms(at), happening })
}

#[test]
fn an_event_may_come_twice_or_after_the_next_and_is_never_lost() {
    let mut delayed = None;
    let mut told = Vec::new();
    for (at, faults) in
        [(1, (false, false)), (2, (true, false)), (3, (false, true)), (4, (false, true)), (5, (false, false))]
    {
        let messages = tell(&mut Echo, event(at), &mut delayed, faults);
        told.extend(messages.iter().map(|message| message.to_text().unwrap().to_owned()));
    }
    assert_eq!(told, ["1", "2", "2", "4", "3", "5"]);
    assert!(delayed.is_none());
}
