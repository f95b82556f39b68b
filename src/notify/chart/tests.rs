//! The chart reads back as what was drawn: its size, its colours where they belong, the same bytes each time.

use proptest::prelude::*;
use rust_decimal::{Decimal, dec};

use super::*;
use crate::domain::time::DurationMs;

fn points(equities: &[Decimal]) -> Vec<EquityPoint> {
    (0_i64..)
        .zip(equities)
        .map(|(hour, equity)| EquityPoint {
            at: Timestamp::from_ms(1_700_000_000_000).plus(DurationMs::from_secs(3_600).times(hour)),
            equity: Quote::new(*equity),
        })
        .collect()
}

/// Width, height and pixels.
fn decoded(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
    (frame.width, frame.height, pixels)
}

fn count(png: &[u8], colour: Rgb888) -> usize {
    use embedded_graphics::pixelcolor::RgbColor;
    let wanted = [colour.r(), colour.g(), colour.b()];
    decoded(png).2.chunks(3).filter(|pixel| *pixel == wanted).count()
}

#[test]
fn it_is_a_picture_of_the_line_with_its_drawdown() {
    let falling = render("alpha", "USDT", &points(&[dec!(100), dec!(120), dec!(90), dec!(110)])).unwrap();
    let (width, height, _) = decoded(&falling);
    assert_eq!((width, height), (WIDTH, HEIGHT));
    assert!(count(&falling, LINE) > 500);
    assert!(count(&falling, DRAWDOWN) > 5_000);
    let rising = render("alpha", "USDT", &points(&[dec!(100), dec!(110), dec!(120)])).unwrap();
    assert_eq!(count(&rising, DRAWDOWN), 0);
}

#[test]
fn equal_points_give_equal_bytes_and_others_do_not() {
    let one = render("alpha", "USDT", &points(&[dec!(1), dec!(2)])).unwrap();
    assert_eq!(one, render("alpha", "USDT", &points(&[dec!(1), dec!(2)])).unwrap());
    assert_ne!(one, render("alpha", "USDT", &points(&[dec!(2), dec!(1)])).unwrap());
}

#[test]
fn nothing_and_a_single_point_are_drawn_too() {
    for equities in [&[][..], &[dec!(0)], &[dec!(10000.123456)], &[dec!(5), dec!(5), dec!(5)]] {
        let drawn = render("계좌 alpha", "USDT", &points(equities)).unwrap();
        assert!(count(&drawn, INK) > 100, "{equities:?}");
    }
}

#[test]
fn extremes_are_found() {
    let extremes = Extremes::of(&points(&[dec!(100), dec!(200), dec!(150), dec!(180), dec!(200)])).unwrap();
    assert_eq!(extremes.low.equity, Quote::new(dec!(100)));
    assert_eq!(extremes.high.at, points(&[dec!(0), dec!(0)])[1].at);
    assert_eq!(extremes.drawdown_pct, dec!(25));
    assert_eq!(Extremes::of(&[]), None);
}

#[test]
fn ticks_are_round_numbers() {
    let ticks = |low, high| Scale::over(low, high, 5).ticks();
    assert_eq!(
        ticks(dec!(9950), dec!(10120)),
        [dec!(9950), dec!(10000), dec!(10050), dec!(10100), dec!(10150)]
    );
    assert_eq!(ticks(dec!(0.1), dec!(0.3)), [dec!(0.1), dec!(0.15), dec!(0.20), dec!(0.25), dec!(0.3)]);
    let scale = Scale::over(dec!(0.1), dec!(0.3), 5);
    assert_eq!((scale.label(dec!(0.2)), scale.exact(dec!(0.12345))), ("0.20".to_owned(), "0.12".to_owned()));
}

proptest! {
    #[test]
    fn any_points_are_drawn(raw in prop::collection::vec((0_i64..4_000_000_000_000, -1_000_000_000_000_i64..1_000_000_000_000, 0_u32..12), 0..60)) {
        let mut points: Vec<_> = raw
            .iter()
            .map(|(at, units, scale)| EquityPoint {
                at: Timestamp::from_ms(*at),
                equity: Quote::new(Decimal::new(*units, *scale)),
            })
            .collect();
        points.sort_by_key(|point| point.at);
        prop_assert!(render("any", "KRW", &points).is_ok());
    }
}
