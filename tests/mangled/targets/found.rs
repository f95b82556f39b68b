//! Inputs that were read wrongly once, by target: amounts that no account has, whose sums and products no decimal holds;
//! mistakes at the very end, told with a line that is not there; lines that were read well, and compared wrongly here.

/// A reason is cut at 200 characters: here within a number.
const HALT_CUT: &str = concat!(
    "/halt ",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "x1.2345"
);

pub(crate) const FOUND: &[(&str, &str)] = &[
    ("accounts_file", "[[strategies]]\nkind = \"\"\"\n"),
    ("configuration", "[engine]\ndatabase = \"\"\"\n"),
    ("telegram_lines", HALT_CUT),
    ("telegram_lines", r"/start KR5\u2.2Kend"),
    (
        "binance_rest",
        r#"{"orderId":1,"clientOrderId":"tfaaaaaacaaaaafrtn3nvxvqaaab","symbol":"BTCUSDT","status":"FILLED","side":"BUY",
        "avgPrice":"79228162514264337593543950335","origQty":"1","executedQty":"79228162514264337593543950335"}"#,
    ),
    (
        "bitget_rest",
        r#"{"code":"00000","data":[{"marginCoin":"USDT","accountEquity":"79228162514264337593543950335",
        "unrealizedPL":"-79228162514264337593543950335"}]}"#,
    ),
    (
        "bitget_frames",
        r#"{"arg":{"channel":"account"},"data":[{"marginCoin":"USDT","equity":"79228162514264337593543950335",
        "unrealizedPL":"-79228162514264337593543950335"}]}"#,
    ),
    (
        "upbit_rest",
        r#"[{"currency":"KRW","balance":"79228162514264337593543950335","locked":"79228162514264337593543950335",
        "avg_buy_price":"0","unit_currency":"KRW"}]"#,
    ),
    (
        "upbit_rest",
        r#"{"uuid":"o1","side":"bid","ord_type":"limit","price":"1","state":"done","market":"KRW-BTC",
        "created_at":"2026-01-01T00:00:00+09:00","volume":"1","executed_volume":"1","trades":[
        {"uuid":"t1","price":"1","volume":"1","funds":"79228162514264337593543950335","created_at":"2026-01-01T00:00:01+09:00"},
        {"uuid":"t2","price":"1","volume":"1","funds":"79228162514264337593543950335","created_at":"2026-01-01T00:00:01+09:00"}]}"#,
    ),
];
