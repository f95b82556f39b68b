//! Numbers, settings and ids: exactly what is written, or refused.

use tradefleet::domain::ids::ClientOrderId;
use tradefleet::domain::money::{Pct, Price, Qty, Quote};
use tradefleet::engine::settings::{AccountSettings, BotSettings, GridDraft, PaperSettings};
use tradefleet::exchange::json;
use tradefleet::strategy::{StrategyKind, StrategyParams};

use super::exact::Written;
use super::{limits, text};

pub(crate) const DECIMALS: &str = "12.50\n0.00008428\n8.428e-05\n1E3\n-0.37500000\n99999999999999999999.99999999\n\
                                   0.0000000000000000000000000001\n1e19\n000.10";
pub(crate) const SETTINGS: &str = "entry_pct=12.5\nleverage=10\nmargin_mode=cross\ndry_run=on\nmax_positions=7\n\
    exit_cooldown_h=0.5\nsymbol=BTCUSDT\nallocation_percent=50.5\nstop_loss_percent=inherit\ninitial_balance=1000.5\n\
    maker_fee_pct=-0.01\nlower=100.5\ntrigger=none\nmode=geometric\nfast=5\nthreshold_pct=0.6\nallow_short=true";
/// The first is of a bot's order, the second of a grid's line.
pub(crate) const IDS: &str =
    "tfaaaaaacaaaaafrtn3nvxvqaaab\ntfaaaaaacaaaaafrtn3nvxvraafh\ntfaaaaaacaaaaaartn3nvxvqaaab";

/// Digits that every decimal can hold.
const DIGITS_EXACT: i64 = 28;
/// Digits before the point that a number of an exchange has at most.
const WHOLE_DIGITS_MAX: i64 = 20;

pub(crate) fn decimals(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let written = Written::whole(text);
    let read = json::decimal(text).ok();
    if let (None, Some((_, number))) = (read, &written) {
        assert!(!is_bound_to_fit(number) || text.len() > 64, "{text:?} is refused");
    }
    let typed = [
        text.parse::<Price>().ok().map(Price::decimal),
        text.parse::<Qty>().ok().map(Qty::decimal),
        text.parse::<Quote>().ok().map(Quote::decimal),
        text.parse::<Pct>().ok().map(Pct::decimal),
    ];
    for told in typed.into_iter().flatten().chain(read) {
        assert_eq!(Written::whole(&told.to_string()), written, "{text:?} is read as {told}");
    }
    read.is_some()
}

fn is_bound_to_fit(number: &Written) -> bool {
    let digits = i64::try_from(number.digits.len()).unwrap();
    digits <= DIGITS_EXACT && (-28..=0).contains(&number.power) && digits + number.power <= WHOLE_DIGITS_MAX
}

/// `key=value`, for everything that has such a key. A value that is refused changes nothing; one that is taken reads
/// itself back.
pub(crate) fn settings(bytes: &[u8]) -> bool {
    let Some((key, value)) = text(bytes).split_once('=') else { return false };
    let is_set = [
        read_back(
            key,
            value,
            |it: &mut AccountSettings, key, value| it.set(key, value, limits()).is_ok(),
            AccountSettings::get,
        ),
        read_back(
            key,
            value,
            |it: &mut BotSettings, key, value| it.set(key, value, limits()).is_ok(),
            BotSettings::get,
        ),
        read_back(
            key,
            value,
            |it: &mut GridDraft, key, value| it.set(key, value, limits()).is_ok(),
            GridDraft::get,
        ),
        read_back(
            key,
            value,
            |it: &mut PaperSettings, key, value| it.set(key, value).is_ok(),
            PaperSettings::get,
        ),
    ];
    let params = StrategyKind::ALL.map(|kind| {
        let mut params = StrategyParams::new(kind);
        let is_set = params.set(key, value).is_ok();
        assert!(is_set || params == StrategyParams::new(kind), "{kind}: {key} = {value:?} changed something");
        let read = StrategyParams::from_json(kind, &params.to_json());
        assert!(
            params.validate().is_err() || read.is_ok_and(|read| read == params),
            "{kind}: {key} = {value:?}"
        );
        is_set
    });
    is_set.contains(&true) | params.contains(&true)
}

fn read_back<T: Default + Clone + PartialEq + std::fmt::Debug>(
    key: &str,
    value: &str,
    set: impl Fn(&mut T, &str, &str) -> bool,
    get: impl Fn(&T, &str) -> Option<String>,
) -> bool {
    let mut settings = T::default();
    if !set(&mut settings, key, value) {
        assert_eq!(settings, T::default(), "{key} = {value:?} changed something");
        return false;
    }
    let mut again = T::default();
    let told = get(&settings, key).unwrap();
    assert!(set(&mut again, key, &told), "{key} = {value:?} is told as {told:?}, which is refused");
    assert_eq!(again, settings, "{key} = {value:?} is told as {told:?}");
    true
}

pub(crate) fn client_order_ids(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let Ok(id) = text.parse::<ClientOrderId>() else { return false };
    let key = id.key().unwrap();
    assert_eq!(ClientOrderId::new(&key).as_str(), text);
    let (_, _) = (key.sequence(), key.line());
    true
}
