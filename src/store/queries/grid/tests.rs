use super::*;
use crate::domain::kind::{BotType, ExchangeKind};
use crate::engine::settings::{BotSettings, SymbolScope};
use crate::store::bots::{self, NewBot};
use crate::store::scratch::Scratch;
use crate::store::{Store, accounts, grid_configs};

/// Lines 1 and 3 have bought, line 1 has sold half; then all was flattened. Begun anew, line 1 has bought again. The
/// position and what the grid remembers are as the daemon leaves them.
const HISTORY: &str = r#"
    INSERT INTO grid_fills (grid_config_id, grid_index, client_order_id, trade_id, side, price, qty, fee, profit, at)
    VALUES (1, 1, 'o1', 't1', 'buy', '95', '1', '0.02', NULL, 1), (1, 3, 'o2', 't2', 'buy', '105', '1', '0.02', NULL, 2),
           (1, 1, 'o3', 't3', 'sell', '100', '0.5', '0.01', '2.48', 3),
           (1, 1, 'o4', 't4', 'buy', '95', '1', '0.02', NULL, 5);
    UPDATE grid_bot_configs SET realized_profit = '2.48', current_price = '96' WHERE bot_id = 1;
    INSERT INTO bot_positions (id, account_id, bot_id, symbol, side, leverage, qty, cost, first_entry_qty, last_entry_price,
        entered_qty, entered_notional, exited_qty, exited_notional, realized_pnl, fees, dry_run, opened_at)
    VALUES ('p', 1, 1, 'BTCUSDT', 'long', 1, '1', '95', '1', '95', '1', '95', '0', '0', '0', '0.02', 1, 5);
    INSERT INTO account_state (account_id, state, updated_at)
    VALUES (1, '{"grids":{"1":{"is_started":true,"lots":{"long":{"1":{"q":"1","c":"95","f":"0.02"}}}}}}', 1)
        ON CONFLICT (account_id) DO UPDATE SET state = excluded.state;"#;

fn ladder(scratch: &Scratch) -> Store {
    let store = scratch.open();
    let conn = store.conn();
    let account_id = accounts::insert(conn, "ana", ExchangeKind::Paper, Timestamp::from_ms(1)).unwrap();
    let symbol = SymbolScope::One("BTCUSDT".parse().unwrap());
    let settings = BotSettings { symbol, ..BotSettings::default() };
    let new = NewBot {
        account_id,
        strategy_id: None,
        name: "ladder".to_owned(),
        bot_type: BotType::Grid,
        settings,
    };
    let bot = bots::insert(conn, &new, Timestamp::from_ms(1)).unwrap();
    let config = crate::engine::grid::fixtures::plain(("90", "110"), 5, "500");
    grid_configs::put(conn, bot, &config, "100".parse().unwrap()).unwrap();
    conn.execute_batch(HISTORY).unwrap();
    store
}

#[test]
fn what_was_closed_otherwise_than_by_its_lines_is_held_no_more() {
    let scratch = Scratch::new();
    let store = ladder(&scratch);
    let bot = BotId::new(1);
    let lines: Vec<Price> = ["90", "95", "100", "105", "110"].map(|price| price.parse().unwrap()).to_vec();
    let view = view(store.conn(), bot, &lines).unwrap().unwrap();
    let holding: Vec<_> = view.lines.iter().filter(|line| !line.held_qty.is_zero()).collect();
    let [only] = holding[..] else { panic!("{holding:?}") };
    assert_eq!((only.line, only.held_qty.to_string().as_str()), (1, "1"));
    assert_eq!((only.held_side, only.buy_fills, only.sell_fills), (Some(PositionSide::Long), 2, 1));
    assert_eq!(view.figures.held_qty, Decimal::ONE);
    // 96 - 95 - 0.02
    assert_eq!(view.figures.unrealized_profit, Some("0.98".parse().unwrap()));
    assert_eq!(held(store.conn(), bot).unwrap(), BTreeMap::from([(1, Decimal::ONE)]));
}
