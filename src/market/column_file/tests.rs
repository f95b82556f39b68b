//! Files that come back equal, and every kind of damage.

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::candle::Candle;
use crate::domain::money::Price;

const NAME: &str = "binance/BTCUSDT:1m";

fn columns(rows: &[(i64, i64, i128)], price_scale: u32, volume_scale: u32) -> Columns {
    let candle = |(minute, price, volume): &(i64, i64, i128)| {
        let price = Price::try_new(Decimal::new(*price, price_scale)).unwrap();
        let volume = Decimal::from_i128_with_scale(*volume, volume_scale);
        Candle::try_new(Timestamp::from_ms(minute * 60_000), [price; 4], volume).unwrap()
    };
    Columns::of(Timeframe::M1, &rows.iter().map(candle).collect::<Vec<_>>()).unwrap()
}

fn written(columns: &Columns) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1m.tfc");
    Prepared::write(&path, NAME, columns).unwrap().commit().unwrap();
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read(
        steps in prop::collection::vec((1_i64..4, 1_i64..5_000_000_000, 0_i128..1_000_000_000_000_000_000_000), 1..60),
        price_scale in 0_u32..9,
        volume_scale in 0_u32..5,
    ) {
        let mut minute = 0;
        let rows: Vec<_> = steps.into_iter().map(|(step, price, volume)| {
            minute += step;
            (minute, price, volume)
        }).collect();
        let columns = columns(&rows, price_scale, volume_scale);
        let (_folder, path) = written(&columns);
        prop_assert_eq!(read(&path, NAME).unwrap(), columns);
        let header = read_header(&path).unwrap();
        let spanned = usize::try_from(rows[rows.len() - 1].0 - rows[0].0).unwrap() + 1;
        prop_assert_eq!(usize::try_from(header.missing).unwrap(), spanned - rows.len());
    }
}

#[test]
fn narrow_numbers_take_little_room() {
    let rows: Vec<_> = (0..1_000).map(|minute| (minute, 6_000_000, 123_456)).collect();
    let (_folder, path) = written(&columns(&rows, 2, 3));
    assert_eq!(read_header(&path).unwrap().bytes, 64 + NAME.len() as u64 + 16 + 1_000 * 20);
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let (_folder, path) = written(&columns(&[(0, 100, 5), (1, 101, 6), (5, 99, 7)], 1, 0));
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        assert!(read(&path, NAME).is_err(), "byte {place}");
        fs::write(&path, &whole[..place]).unwrap();
        assert!(read(&path, NAME).is_err(), "cut at {place}");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(read(&path, NAME).unwrap_err().to_string().contains("not as long as"));
    fs::write(&path, &whole).unwrap();
    let error = read(&path, "upbit/KRW-BTC:1m").unwrap_err().to_string();
    assert!(error.contains("holds binance/BTCUSDT:1m, not upbit/KRW-BTC:1m"), "{error}");
    fs::write(&path, b"open_time_ms,open,high,low,close,volume\n0,1,1,1,1,1\n60000,1,1,1,1,1\n").unwrap();
    assert!(matches!(read_header(&path), Err(ColumnFileError::Foreign { .. })));
}
