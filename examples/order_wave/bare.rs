//! The least any program would do: as many signed orders over the same HTTP client, all accounts at once, each account's
//! orders one after the other.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tradefleet::clock::wall_now;
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::money::{Leverage, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose};
use tradefleet::domain::secret::Secret;
use tradefleet::domain::side::{PositionMode, PositionSide, Side};
use tradefleet::domain::time::{DurationMs, Timestamp};
use tradefleet::exchange::binance::orders::{Ticket, lane};
use tradefleet::exchange::binance::sign::{Credentials, Signer};
use tradefleet::exchange::egress::Egress;
use tradefleet::exchange::http::HttpClient;
use tradefleet::exchange::wire::Access;

use super::market;

const TIMEOUT: DurationMs = DurationMs::from_secs(60);
/// Ids of these orders begin where no bot's do.
const FIRST_BOT: u32 = 1_000_000;

/// What it cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BareRun {
    pub(crate) orders: u32,
    pub(crate) wall_ms: f64,
    pub(crate) cpu_s: f64,
}

pub(crate) fn push(base: &str, accounts: u32) -> anyhow::Result<BareRun> {
    // As the daemon has it: one thread drives all connections.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let http = HttpClient::new(&Egress::Direct, base, TIMEOUT)?;
        warm_up(&http, accounts).await?;
        let start = Instant::now();
        let cpu = own_cpu_seconds()?;
        let mut waves = JoinSet::new();
        for account in 1..=accounts {
            waves.spawn(push_account(http.clone(), account));
        }
        let mut orders = 0;
        while let Some(done) = waves.join_next().await {
            orders += done??;
        }
        let wall_ms = start.elapsed().as_secs_f64() * 1_000.0;
        Ok(BareRun { orders, wall_ms, cpu_s: own_cpu_seconds()? - cpu })
    })
}

/// Opens the connections: the daemon's are open when the signal comes.
async fn warm_up(http: &HttpClient, accounts: u32) -> anyhow::Result<()> {
    let mut asked = JoinSet::new();
    for _ in 0..accounts {
        let http = http.clone();
        asked.spawn(async move {
            let time = tradefleet::exchange::binance::calls::server_time().into_request();
            http.send(&time, Access::Read).await
        });
    }
    while let Some(answer) = asked.join_next().await {
        answer??;
    }
    Ok(())
}

async fn push_account(http: HttpClient, account: u32) -> anyhow::Result<u32> {
    let signer = Arc::new(Signer::try_new(&Credentials {
        api_key: Secret::new(format!("key-binance-{account}")),
        api_secret: Secret::new(format!("secret-binance-{account}")),
    })?);
    let mut accepted = 0;
    for ((symbol, ..), leg) in market::SYMBOLS.into_iter().zip(0..) {
        let now = wall_now();
        let order = order(account, symbol, leg, now)?;
        let call = Ticket::of(&order, PositionMode::OneWay).call(lane(&order));
        let answer = http.send(&signer.request(call, now), Access::Write).await?;
        anyhow::ensure!(answer.is_success(), "status {}: {}", answer.status, answer.body);
        accepted += 1;
    }
    Ok(accepted)
}

fn order(account: u32, symbol: &str, leg: u16, now: Timestamp) -> anyhow::Result<Order> {
    let (bot, cycle) = (Some(BotId::new(FIRST_BOT + account)), CycleId::at(now));
    let key =
        OrderKey { account: AccountId::new(account), bot, cycle, purpose: Purpose::Entry, leg, attempt: 1 };
    Ok(Order {
        client_order_id: ClientOrderId::new(&key),
        bot,
        symbol: Symbol::try_new(symbol)?,
        side: Side::Buy,
        position_side: PositionSide::Long,
        purpose: Purpose::Entry,
        kind: OrderKind::Market,
        qty: "1".parse()?,
        reduce_only: false,
        leverage: Leverage::try_new(10)?,
        reserved_margin: Quote::ZERO,
        cycle,
        status: OrderStatus::Intended,
        filled_qty: tradefleet::domain::money::Qty::ZERO,
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: false,
        times: OrderTimes { decided_at: now, ..OrderTimes::default() },
    })
}

fn own_cpu_seconds() -> anyhow::Result<f64> {
    super::kernel::cpu_seconds(std::process::id())
}
