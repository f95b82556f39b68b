//! A running strategy: its parameters and the indicators it has fed so far.

use super::ai_trend::AiTrend;
use super::ema_cross::EmaCross;
use super::evaluation::{Evaluation, Facts, Verdict, condition};
use super::macd::Macd;
use super::momentum::Momentum;
use super::params::StrategyParams;
use crate::domain::market::Bar;
use crate::domain::side::PositionSide;
use crate::signal::sample::Sample;
use crate::signal::{Condition, Confidence};

/// The streaming state of one strategy on one symbol and timeframe.
#[derive(Debug, Clone)]
pub struct Strategy {
    rules: Rules,
    /// A signal of lower confidence opens nothing.
    min_confidence: f64,
}

#[derive(Debug, Clone)]
enum Rules {
    EmaCross(Box<EmaCross>),
    Momentum(Box<Momentum>),
    Macd(Box<Macd>),
    AiTrend(Box<AiTrend>),
}

impl Strategy {
    /// Expects parameters that [`StrategyParams::validate`] accepts.
    pub fn new(params: &StrategyParams) -> Self {
        let rules = match params {
            StrategyParams::EmaCross(params) => Rules::EmaCross(Box::new(EmaCross::new(params.clone()))),
            StrategyParams::Momentum(params) => Rules::Momentum(Box::new(Momentum::new(params.clone()))),
            StrategyParams::Macd(params) => Rules::Macd(Box::new(Macd::new(params.clone()))),
            StrategyParams::AiTrend(params) => Rules::AiTrend(Box::new(AiTrend::new(params.clone()))),
        };
        Self { rules, min_confidence: params.min_confidence() }
    }

    /// Takes one closed bar in. Bars come in order; which ones is the caller's business.
    pub fn push(&mut self, bar: &Bar) -> Evaluation {
        self.push_sample(&Sample::of(bar))
    }

    pub(super) fn push_sample(&mut self, sample: &Sample) -> Evaluation {
        match &mut self.rules {
            Rules::EmaCross(rules) => {
                let verdict = rules.push(sample);
                self.conclude(sample, &verdict, Facts::EmaCross(verdict.facts))
            }
            Rules::Momentum(rules) => {
                let verdict = rules.push(sample);
                self.conclude(sample, &verdict, Facts::Momentum(verdict.facts))
            }
            Rules::Macd(rules) => {
                let verdict = rules.push(sample);
                self.conclude(sample, &verdict, Facts::Macd(verdict.facts))
            }
            Rules::AiTrend(rules) => {
                let verdict = rules.push(sample);
                self.conclude(sample, &verdict, Facts::AiTrend(verdict.facts))
            }
        }
    }

    fn conclude<F>(&self, sample: &Sample, verdict: &Verdict<F>, facts: Facts) -> Evaluation {
        let confidence = Confidence::new(verdict.confidence);
        let may_enter = sample.complete && confidence.get() >= self.min_confidence;
        Evaluation {
            entry: verdict.entry.filter(|_| may_enter),
            exit_long: verdict.exit_long,
            exit_short: verdict.exit_short,
            confidence,
            complete: sample.complete,
            facts,
        }
    }

    /// The conditions of an evaluation of this strategy, with their numbers.
    pub fn conditions(&self, evaluation: &Evaluation) -> Vec<Condition> {
        let mut conditions = match (&self.rules, &evaluation.facts) {
            (Rules::EmaCross(rules), Facts::EmaCross(facts)) => rules.conditions(facts),
            (Rules::Momentum(rules), Facts::Momentum(facts)) => rules.conditions(facts),
            (Rules::Macd(rules), Facts::Macd(facts)) => rules.conditions(facts),
            (Rules::AiTrend(rules), Facts::AiTrend(facts)) => rules.conditions(facts),
            _ => Vec::new(),
        };
        let confidence = evaluation.confidence;
        conditions.push(condition(
            "confidence",
            confidence.get() >= self.min_confidence,
            format!("{confidence}, at least {}", self.min_confidence),
        ));
        if !evaluation.complete {
            conditions.push(condition("complete bar", false, "parts of the bar are missing".to_owned()));
        }
        conditions
    }

    /// One line on an evaluation of this strategy whose conditions are `conditions`.
    pub fn reason(&self, evaluation: &Evaluation, conditions: &[Condition]) -> String {
        let numbers = match &evaluation.facts {
            Facts::EmaCross(facts) => facts.headline(),
            Facts::Momentum(facts) => facts.headline(),
            Facts::Macd(facts) => facts.headline(),
            Facts::AiTrend(facts) => facts.headline(),
        };
        if let Some(side) = evaluation.entry {
            let names: Vec<&str> = conditions
                .iter()
                .filter(|condition| condition.passed)
                .map(|condition| condition.name.as_str())
                .collect();
            return format!("open {side}: {} ({numbers})", names.join(", "));
        }
        let exit = match (evaluation.exit_long, evaluation.exit_short) {
            (true, true) => "close long and short",
            (true, false) => "close long",
            (false, true) => "close short",
            (false, false) => {
                let names: Vec<&str> = conditions
                    .iter()
                    .filter(|condition| !condition.passed)
                    .map(|condition| condition.name.as_str())
                    .collect();
                return format!("no entry, lacks {} ({numbers})", names.join(", "));
            }
        };
        format!("{exit}: {numbers}")
    }
}

/// `long` where `value` is above zero, `short` elsewhere.
pub(super) const fn leaning(value: f64) -> PositionSide {
    if value > 0.0 { PositionSide::Long } else { PositionSide::Short }
}
