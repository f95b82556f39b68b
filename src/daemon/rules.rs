//! When exchanges are asked for their trading rules and 24 h volumes. Nobody waits for an answer but a market that no
//! earlier run has left rules of: accounts go by the rules that were kept until they are told anew.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::desk::Desk;
use super::live_market::{LiveMarket, ToldRules};
use super::pace::MarketId;
use crate::domain::time::{DurationMs, Timestamp};

/// Between two askings, and after one that was not answered in full.
const EVERY: DurationMs = DurationMs::from_secs(900);
const AGAIN: DurationMs = DurationMs::from_secs(10);
/// How long a start waits for rules that are not known at all; what is not told then is asked for again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the markets whose rules are not known, all at once.
pub(super) async fn ask_first(desks: &mut [Desk<LiveMarket>]) {
    let strange = desks.iter_mut().filter(|desk| desk.view.instruments().is_empty());
    let asked = strange.map(|desk| async {
        if let Ok(told) = tokio::time::timeout(PATIENCE, desk.view.ask_rules()).await {
            desk.view.take_rules(told);
        }
    });
    join_all(asked).await;
}

/// The askings of a run.
pub(super) struct RulesRound {
    answers: JoinSet<(MarketId, ToldRules)>,
    next_at: Timestamp,
    /// So many markets there were when it was asked last: a new one is asked at once.
    asked: usize,
}

/// What the answers that have come mean to the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RulesNews {
    /// The same rules as before.
    Volumes,
    Changed,
}

impl RulesRound {
    /// Begins at once with what is not told yet.
    pub(super) fn begin(desks: &[Desk<LiveMarket>], now: Timestamp) -> Self {
        let next_at = if is_told(desks) { now.plus(EVERY) } else { now };
        Self { answers: JoinSet::new(), next_at, asked: desks.len() }
    }

    /// Takes in the answers that have come, and asks when it is time.
    pub(super) fn attend(&mut self, desks: &mut [Desk<LiveMarket>], now: Timestamp) -> Option<RulesNews> {
        let mut news = None;
        let has_asked = !self.answers.is_empty();
        while let Some(answer) = self.answers.try_join_next() {
            let Ok((market, told)) = answer else { continue };
            let Some(desk) = desks.iter_mut().find(|desk| desk.market == market) else { continue };
            let told = if desk.view.take_rules(told) { RulesNews::Changed } else { RulesNews::Volumes };
            news = news.max(Some(told));
        }
        if has_asked && self.answers.is_empty() {
            self.next_at = now.plus(if is_told(desks) { EVERY } else { AGAIN });
        }
        let is_due = now >= self.next_at || desks.len() > self.asked;
        if self.answers.is_empty() && is_due {
            self.asked = desks.len();
            for desk in desks {
                let (market, asked) = (desk.market, desk.view.ask_rules());
                self.answers.spawn(async move { (market, asked.await) });
            }
        }
        news
    }
}

fn is_told(desks: &[Desk<LiveMarket>]) -> bool {
    desks.iter().all(|desk| desk.view.is_told())
}
