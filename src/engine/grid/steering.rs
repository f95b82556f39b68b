//! A grid bot's life: it waits for its price, begins, keeps the right orders on its lines, and stops.
//!
//! What rests is derived: each line's lot and the orders that work for it say what it lacks. So the same look at the
//! lines places a new grid, answers a fill, mends what a restart finds, and follows an edit; and since a line whose
//! order may still do something gets no other, no two orders of a line ever rest on one side.

use std::sync::Arc;

use crate::domain::ids::{BotId, ClientOrderId};
use crate::domain::money::Price;
use crate::domain::order::{Order, OrderStatus, Purpose};
use crate::domain::side::PositionSide;
use crate::engine::config::BotConfig;
use crate::engine::decision::{Action, Code};
use crate::engine::machine::{AccountMachine, BotSymbol, HeldKey};
use crate::engine::settings::SymbolScope;
use crate::engine::turn::{NoticeKind, Record, Severity};

use super::Direction;
use super::edits::{ladder_name, place_of};
use super::ladder::rungs;
use super::plan::Plan;
use super::repair::is_taken_back;
use super::state::{Backoff, GridSetup, GridState};
use super::waiting::{Waiting, passed_stop};

impl AccountMachine {
    /// A cycle's look at all grids.
    pub(in crate::engine) fn steer_grids(&mut self) {
        self.follow_repairs();
        let bots: Vec<Arc<BotConfig>> =
            self.config.bots.values().filter(|bot| bot.grid.is_some()).cloned().collect();
        for bot in bots {
            if let Some(memory) = self.grid_memory.get_mut(&bot.id) {
                memory.held_back.clear();
            }
            let is_seen_to = self.steer_grid(&bot);
            if let Some(key) = self.grid_key(bot.id).filter(|_| is_seen_to) {
                self.finish_repair(&key);
            }
        }
    }

    /// False while it cannot be told what the grid lacks: without a price, or without a plan that its market allows.
    fn steer_grid(&mut self, bot: &BotConfig) -> bool {
        let (Some(setup), Some(key)) = (bot.grid.as_ref(), self.grid_key(bot.id)) else { return false };
        let may_trade = bot.is_running && self.config.halt.is_none() && !self.must_close(bot, &key.1);
        if !may_trade || self.is_closing(&key) {
            if bot.is_running {
                self.obey_stop_alone(&key, setup);
            }
            return true;
        }
        let Ok(price) = self.price(&key.1) else { return false };
        let Some(plan) = self.plan_of(bot.id) else {
            self.withdraw_openings(&key);
            self.obey_stop_alone(&key, setup);
            return false;
        };
        if !self.follow_move(&key, setup, price) {
            return true;
        }
        self.follow_ladder(&key, setup, &plan);
        if self.is_closing(&key) {
            return true;
        }
        let is_started = self.durable.grids.get(&bot.id).is_some_and(|state| state.is_started);
        match passed_stop(&setup.config, price) {
            Some((name, stop)) if is_started => self.stop_grid(&key, setup, (name, stop), price),
            None if is_started => self.work_lines(&key),
            _ if self.may_begin(bot, setup, &key, price) => {
                self.begin_grid(&key, setup, price, &plan);
                self.work_lines(&key);
            }
            _ => {}
        }
        true
    }

    /// While it works no lines, halted or by rules that do not allow it any more, what it holds is left at its stop all the
    /// same.
    fn obey_stop_alone(&mut self, key: &BotSymbol, setup: &GridSetup) {
        let is_started = self.durable.grids.get(&key.0).is_some_and(|state| state.is_started);
        if !is_started || !self.holds(key) || self.is_closing(key) {
            return;
        }
        let passed =
            self.price(&key.1).ok().and_then(|price| Some((passed_stop(&setup.config, price)?, price)));
        if let Some((stop, price)) = passed {
            self.stop_grid(key, setup, stop, price);
        }
    }

    /// Whether the price is where the grid begins and nothing forbids it to.
    fn may_begin(&mut self, bot: &BotConfig, setup: &GridSetup, key: &BotSymbol, price: Price) -> bool {
        if let Some(trigger) = setup.config.trigger {
            let state = self.grid_state(bot.id);
            if state.waits_above.is_none() {
                state.waits_above = Some(price > trigger);
                self.turn.records.push(Record::StateChanged);
            }
        }
        if let Some(waiting) = Waiting::of(&setup.config, self.grid_state(bot.id), price) {
            self.tell_of_waiting(key, &waiting);
            return false;
        }
        let sides: &[PositionSide] = match setup.config.direction {
            Direction::Long => &[PositionSide::Long],
            Direction::Short => &[PositionSide::Short],
            Direction::Neutral => &[PositionSide::Long, PositionSide::Short],
        };
        let obstacle = if self.holds(key) { None } else { self.position_limit(bot) };
        let obstacle =
            obstacle.or_else(|| sides.iter().find_map(|side| self.grid_obstacle(bot.id, &key.1, *side)));
        match obstacle {
            Some(obstacle) => {
                self.explain_grid(key, obstacle);
                false
            }
            None => true,
        }
    }

    /// Said once in the account's explanations, and once to people where nobody asked for the waiting.
    fn tell_of_waiting(&mut self, key: &BotSymbol, waiting: &Waiting) {
        self.explain_grid(key, (waiting.code(), waiting.to_string()));
        let state = self.grid_state(key.0);
        if waiting.code() != Code::GridRange || state.is_wait_told {
            return;
        }
        state.is_wait_told = true;
        self.notify(NoticeKind::GridWaits, Severity::Info, || {
            [("bot", key.0.to_string()), ("symbol", key.1.to_string()), ("reason", waiting.to_string())]
        });
    }

    fn begin_grid(&mut self, key: &BotSymbol, setup: &GridSetup, price: Price, plan: &Plan) {
        let bot = key.0;
        let config = &setup.config;
        let rungs = rungs(&plan.lines, config.direction, Some(price));
        let holds = self.durable.grids.get(&bot).is_some_and(|state| !state.lots.is_empty());
        let beyond: Vec<u16> =
            rungs.iter().filter(|rung| !rung.can_rest(price)).map(|rung| rung.line).collect();
        let wants = config.buy_in && !holds && config.direction != Direction::Neutral;
        // A long grid buys in from the lowest of them up, a short one from the highest down.
        let range = beyond.first().copied().zip(beyond.last().copied()).filter(|_| wants);
        let buying_in = if config.direction == Direction::Short { range.map(|(a, b)| (b, a)) } else { range };
        let state = self.grid_state(bot);
        state.is_started = true;
        state.is_wait_told = false;
        state.anchor = Some(price);
        state.place = Some(place_of(config, &key.1));
        state.buying_in = buying_in;
        self.turn.records.push(Record::StateChanged);
        let detail = format!(
            "begins at {price}: {} {} lines from {} to {}, {} each",
            plan.lines.len(),
            config.direction,
            config.lower,
            config.upper,
            plan.qty_per_line
        );
        self.decide(bot, &key.1, (Action::Entered, Code::Grid), detail);
    }

    /// Beyond its stop: the bot stops, and closes what it holds where it was told to.
    fn stop_grid(&mut self, key: &BotSymbol, setup: &GridSetup, stop: (&str, Price), price: Price) {
        let reason = format!("the price {price} has reached {} {}", stop.0, stop.1);
        self.stop_bot(key, &reason);
        let held: Vec<HeldKey> = self.held_by(key).map(|(held, _)| held.clone()).collect();
        if setup.config.close_on_stop && !held.is_empty() {
            self.leave_all(held, Code::GridStop, &reason);
        } else {
            self.decide(key.0, &key.1, (Action::Exited, Code::GridStop), reason);
        }
        self.obey_halt();
    }

    /// The stop that is to rest at the exchange is not taken there, since the price is beyond it: what it was to close is
    /// closed and the bot stops, as if it had rested in time. The owner has asked for that, whatever the account does by
    /// itself.
    pub(in crate::engine) fn stop_at_passed_stop(&mut self, held: &HeldKey, code: Code, reason: &str) {
        let why = format!("the price has passed the stop that is to rest at its exchange: {reason}");
        self.stop_bot(&held.bot_symbol(), &why);
        if !self.is_leaving(held) {
            self.leave(held, code, Purpose::Flatten, reason);
        }
        self.obey_halt();
    }

    /// Stops a grid by itself, which people are told.
    pub(in crate::engine) fn stop_bot(&mut self, key: &BotSymbol, reason: &str) {
        let Some(bot) = self.config.bots.get_mut(&key.0).filter(|bot| bot.is_running) else { return };
        Arc::make_mut(bot).is_running = false;
        self.turn.records.push(Record::BotStopped { bot: key.0, reason: reason.to_owned() });
        let fields =
            [("bot", key.0.to_string()), ("symbol", key.1.to_string()), ("reason", reason.to_owned())];
        self.notify(NoticeKind::Error, Severity::Warning, || fields);
    }

    /// An order of a line has ended. What was not taken waits for the next cycle.
    pub(in crate::engine) fn line_order_ended(&mut self, order: &Order) {
        let (Some(bot), Some(line)) = (order.bot, order.client_order_id.key().and_then(|key| key.line()))
        else {
            return;
        };
        if order.purpose == Purpose::GridBuyIn {
            if !order.filled_qty.is_zero()
                && let Some(state) = self.durable.grids.get_mut(&bot)
            {
                state.buying_in = None;
                self.turn.records.push(Record::StateChanged);
            }
        } else if order.status != OrderStatus::Filled && !is_taken_back(order) {
            let is_exit = order.purpose == Purpose::GridExit;
            self.grid_memory.entry(bot).or_default().held_back.insert((line, is_exit));
        }
        let key = HeldKey::new((bot, order.symbol.clone()), order.position_side);
        if self.is_leaving(&key) {
            self.retry_exit(&key);
        } else {
            self.answer_on_lines(&key.bot_symbol());
        }
    }

    /// Whether something that the grid holds is closed otherwise than by its lines.
    pub(super) fn is_closing(&self, key: &BotSymbol) -> bool {
        self.held_by(key).any(|(_, held)| held.holding.exit.is_some())
    }

    /// Between two cycles: something happened on a line.
    pub(in crate::engine) fn answer_on_lines(&mut self, key: &BotSymbol) {
        // A grid that was moved to another symbol has nothing to answer in the one it left.
        let Some(bot) = self.bot(key.0).filter(|_| self.grid_key(key.0).as_ref() == Some(key)) else {
            return;
        };
        let Some(setup) = bot.grid.as_ref() else { return };
        let is_working = self.durable.grids.get(&key.0).is_some_and(|state| state.is_started);
        let may_trade = bot.is_running && self.config.halt.is_none() && !self.must_close(&bot, &key.1);
        let is_on_ladder = self.plan_of(key.0).is_some_and(|plan| {
            let known = self.durable.grids.get(&key.0).and_then(|state| state.ladder.as_ref());
            known == Some(&ladder_name(setup, &key.1, &plan))
        });
        if self.is_ready() && is_working && may_trade && is_on_ladder && !self.is_closing(key) {
            self.work_lines(key);
        }
    }

    /// A post-only order would have traded at once: the next one goes a tick further.
    pub(in crate::engine) fn note_crossing(&mut self, id: &ClientOrderId) {
        let Some(key) = id.key() else { return };
        let (Some(bot), Some(line)) = (key.bot, key.line()) else { return };
        let is_exit = key.purpose == Purpose::GridExit;
        let crossed = &mut self.grid_memory.entry(bot).or_default().crossed;
        let times = crossed.entry((line, is_exit)).or_default();
        *times = times.saturating_add(1);
    }

    /// An order of a line rests: what was refused before does not count any more, and the next may follow.
    pub(in crate::engine) fn note_line_accepted(&mut self, id: &ClientOrderId) {
        let Some(key) = id.key() else { return };
        let (Some(bot), Some(line)) = (key.bot, key.line()) else { return };
        let is_exit = key.purpose == Purpose::GridExit;
        if let Some(memory) = self.grid_memory.get_mut(&bot) {
            memory.crossed.remove(&(line, is_exit));
        }
        if let Some(state) = self.durable.grids.get_mut(&bot) {
            *state.backoff(is_exit) = Backoff::default();
        }
        let in_flight = |order: &Order| order.purpose == Purpose::GridEntry && order.status.is_in_flight();
        let is_last = !self.orders.working().any(|order| order.bot == Some(bot) && in_flight(order));
        if let Some(key) = self.grid_key(bot).filter(|_| is_last) {
            self.answer_on_lines(&key);
        }
    }

    /// Says once what keeps a grid from opening.
    pub(in crate::engine) fn explain_grid(&mut self, key: &BotSymbol, (code, detail): (Code, String)) {
        let memory = self.grid_memory.entry(key.0).or_default();
        if memory.explained != Some(code) {
            memory.explained = Some(code);
            self.decide(key.0, &key.1, (Action::Skipped, code), detail);
        }
    }

    pub(in crate::engine) fn grid_state(&mut self, bot: BotId) -> &mut GridState {
        self.durable.grids.entry(bot).or_default()
    }

    /// A grid trades one symbol.
    pub(in crate::engine) fn grid_key(&self, bot: BotId) -> Option<BotSymbol> {
        let config = self.config.bots.get(&bot).filter(|bot| bot.grid.is_some())?;
        match &config.settings.symbol {
            SymbolScope::One(symbol) => Some((bot, symbol.clone())),
            SymbolScope::Universe => None,
        }
    }

    /// The plan of a grid; `None`, and said once, when its market does not allow it any more.
    pub(in crate::engine) fn plan_of(&mut self, bot: BotId) -> Option<Arc<Plan>> {
        if let Some(plan) = self.grid_memory.get(&bot).and_then(|memory| memory.plan.as_ref()) {
            return plan.as_ref().ok().cloned();
        }
        let key = self.grid_key(bot)?;
        let instrument = self.instrument(&key.1)?;
        let config = self.bot(bot)?;
        let setup = config.grid.as_ref()?;
        let plan = Plan::of(&setup.config, &instrument, setup.terms)
            .map(Arc::new)
            .map_err(|refusals| refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        if let Err(error) = &plan {
            let error = format!("the grid cannot be worked: {error}");
            self.turn.records.push(Record::BotError { bot, error });
        }
        let found = plan.as_ref().ok().cloned();
        self.grid_memory.entry(bot).or_default().plan = Some(plan);
        found
    }

    /// Another configuration may mean another plan.
    pub(in crate::engine) fn forget_plans(&mut self) {
        for memory in self.grid_memory.values_mut() {
            memory.plan = None;
            memory.explained = None;
        }
        let bots = &self.config.bots;
        self.grid_memory.retain(|bot, _| bots.contains_key(bot));
    }
}
