//! Calls into signed requests, against the hashes alone.

use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::kind::MarginMode;
use tradefleet::domain::money::{Leverage, Quote};
use tradefleet::domain::order::{Order, OrderKind, OrderStatus, OrderTimes, Purpose, TimeInForce};
use tradefleet::domain::secret::Secret;
use tradefleet::domain::side::{PositionMode, PositionSide, Side};
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::wire::Lane;
use tradefleet::exchange::{binance, bitget, upbit};

use super::timing::{Pair, nanoseconds_each, paired};

const ORDERS: u32 = 2_000;
const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);
/// As long as the exchanges' own.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NONCE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Exchange, what is hashed, nanoseconds an order.
pub(crate) fn measure(rounds: usize) -> anyhow::Result<Vec<(&'static str, &'static str, Pair)>> {
    let hmac = "HMAC-SHA256";
    Ok(vec![
        ("binance", hmac, of_binance(rounds)?),
        ("bitget", hmac, of_bitget(rounds)?),
        ("upbit", "SHA-512 of the parameters and HMAC-SHA256 of the token", of_upbit(rounds)?),
    ])
}

fn of_binance(rounds: usize) -> anyhow::Result<Pair> {
    let order = order("BTCUSDT", "60000.1")?;
    let credentials = binance::sign::Credentials { api_key: secret(), api_secret: secret() };
    let signer = binance::sign::Signer::try_new(&credentials)?;
    let call = binance::orders::Ticket::of(&order, PositionMode::Hedge).call(Lane::Entry);
    let sample = signer.request(call.clone(), NOW);
    let bytes = sample.target.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    let signed = bytes.split("&signature=").next().unwrap_or_default().to_owned();
    let keyed = keyed()?;
    paired(
        rounds,
        || {
            let calls: Vec<_> = (0..ORDERS).map(|_| call.clone()).collect();
            Ok(nanoseconds_each(ORDERS, || {
                for call in calls {
                    black_box(signer.request(call, NOW));
                }
            }))
        },
        || Ok(nanoseconds_each(ORDERS, || hash_all(&keyed, &signed))),
    )
}

fn of_bitget(rounds: usize) -> anyhow::Result<Pair> {
    let order = order("BTCUSDT", "60000.1")?;
    let credentials = bitget::sign::Credentials { api_key: secret(), secret: secret(), passphrase: secret() };
    let signer = bitget::sign::Signer::new(credentials);
    let modes = bitget::orders::Modes { position: PositionMode::Hedge, margin: MarginMode::Cross };
    let call = bitget::orders::place(&order, modes);
    let body = call.body.clone().unwrap_or_default();
    let signed = format!("{}POST{}{body}", NOW.ms(), call.decoded_target());
    let keyed = keyed()?;
    paired(
        rounds,
        || {
            Ok(nanoseconds_each(ORDERS, || {
                for _ in 0..ORDERS {
                    black_box(signer.signed(black_box(&call), NOW));
                }
            }))
        },
        || Ok(nanoseconds_each(ORDERS, || hash_all(&keyed, &signed))),
    )
}

fn of_upbit(rounds: usize) -> anyhow::Result<Pair> {
    let order = order("KRW-BTC", "77000000")?;
    let keys = upbit::sign::Keys {
        access_key: secret(),
        secret_key: secret(),
        algorithm: upbit::sign::Algorithm::Hs256,
    };
    let new = upbit::orders::new_order(&order, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let call = upbit::calls::place(&new, Lane::Entry);
    let params = call.params.plain();
    let token = upbit::sign::authorization(&keys, NONCE, &call.params);
    let signed = token.rsplit_once('.').map(|(signed, _)| signed.to_owned()).unwrap_or_default();
    let signed = signed.trim_start_matches("Bearer ").to_owned();
    let keyed = keyed()?;
    paired(
        rounds,
        || {
            Ok(nanoseconds_each(ORDERS, || {
                for _ in 0..ORDERS {
                    let token = upbit::sign::authorization(&keys, NONCE, black_box(&call.params));
                    black_box(call.request(Some(token)));
                }
            }))
        },
        || {
            Ok(nanoseconds_each(ORDERS, || {
                for _ in 0..ORDERS {
                    black_box(Sha512::digest(black_box(params.as_bytes())));
                }
                hash_all(&keyed, &signed);
            }))
        },
    )
}

fn hash_all(keyed: &Hmac<Sha256>, text: &str) {
    for _ in 0..ORDERS {
        let mut mac = keyed.clone();
        mac.update(black_box(text.as_bytes()));
        black_box(mac.finalize().into_bytes());
    }
}

fn keyed() -> anyhow::Result<Hmac<Sha256>> {
    Hmac::new_from_slice(SECRET.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))
}

fn secret() -> Secret {
    Secret::new(SECRET.to_owned())
}

/// A limit order to buy.
fn order(symbol: &str, price: &str) -> anyhow::Result<Order> {
    let (cycle, purpose) = (CycleId::at(NOW), Purpose::Entry);
    let bot = Some(BotId::new(1));
    let key = OrderKey { account: AccountId::new(1), bot, cycle, purpose, leg: 0, attempt: 1 };
    Ok(Order {
        client_order_id: ClientOrderId::new(&key),
        bot,
        symbol: Symbol::try_new(symbol)?,
        side: Side::Buy,
        position_side: PositionSide::Long,
        purpose,
        kind: OrderKind::Limit { price: price.parse()?, time_in_force: TimeInForce::GoodTillCancel },
        qty: "0.012".parse()?,
        reduce_only: false,
        leverage: Leverage::ONE,
        reserved_margin: Quote::ZERO,
        cycle,
        status: OrderStatus::Intended,
        filled_qty: "0".parse()?,
        filled_notional: Quote::ZERO,
        exchange_order_id: None,
        end_reason: None,
        dry_run: false,
        times: OrderTimes { decided_at: NOW, ..OrderTimes::default() },
    })
}
