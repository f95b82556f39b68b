//! The equity chart: a line over time with its drawdowns shaded, as a PNG.
//!
//! Equal points give equal bytes. Its letters are ASCII: what an account is called in other scripts belongs into the
//! caption beside it.

mod canvas;
mod scale;

use embedded_graphics::pixelcolor::Rgb888;
use rust_decimal::Decimal;

use self::canvas::{Align, Canvas, Size};
use self::scale::{Scale, TimeScale};
use crate::domain::money::Quote;
use crate::domain::time::Timestamp;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 480;
/// The plot's edges, in pixels: what is outside belongs to texts.
const LEFT: i32 = 100;
const RIGHT: i32 = 870;
const TOP: i32 = 70;
const BOTTOM: i32 = 430;
const TICKS: u32 = 5;

const BACKGROUND: Rgb888 = Rgb888::new(255, 255, 255);
const INK: Rgb888 = Rgb888::new(40, 44, 52);
const FAINT: Rgb888 = Rgb888::new(130, 136, 146);
const GRID: Rgb888 = Rgb888::new(228, 231, 236);
const LINE: Rgb888 = Rgb888::new(31, 111, 235);
const DRAWDOWN: Rgb888 = Rgb888::new(252, 222, 222);
const HIGH: Rgb888 = Rgb888::new(26, 148, 85);
const LOW: Rgb888 = Rgb888::new(207, 52, 52);

/// What an account was worth at one time, in quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EquityPoint {
    pub at: Timestamp,
    pub equity: Quote,
}

#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    #[error("the chart could not be written as PNG: {0}")]
    Encoding(#[from] png::EncodingError),
}

/// Draws the points, which are in the order of their times. `title` is shown as far as it is ASCII; `asset` is the
/// currency of the equity.
pub fn render(title: &str, asset: &str, points: &[EquityPoint]) -> Result<Vec<u8>, ChartError> {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, BACKGROUND);
    canvas.text((LEFT, 26), &ascii(title), Size::Large, INK, Align::Left);
    match Extremes::of(points) {
        Some(extremes) => plot(&mut canvas, points, &extremes, asset),
        None => empty(&mut canvas),
    }
    Ok(canvas.into_png()?)
}

/// The points that a chart names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extremes {
    first: EquityPoint,
    low: EquityPoint,
    high: EquityPoint,
    last: EquityPoint,
    /// The deepest fall from a peak, in % of the peak; not negative.
    drawdown_pct: Decimal,
}

impl Extremes {
    fn of(points: &[EquityPoint]) -> Option<Self> {
        let (first, last) = (*points.first()?, *points.last()?);
        let low = *points.iter().min_by_key(|point| point.equity)?;
        // Of equal ones the first: that is when it was reached.
        let high = *points.iter().rev().max_by_key(|point| point.equity)?;
        let mut peak = first.equity.decimal();
        let mut drawdown_pct = Decimal::ZERO;
        for point in points {
            let equity = point.equity.decimal();
            peak = peak.max(equity);
            if peak > Decimal::ZERO {
                let fall = (peak - equity).saturating_mul(Decimal::ONE_HUNDRED);
                drawdown_pct = drawdown_pct.max(fall.checked_div(peak).unwrap_or_default());
            }
        }
        Some(Self { first, low, high, last, drawdown_pct })
    }
}

fn empty(canvas: &mut Canvas) {
    frame(canvas);
    let middle = (i32::midpoint(LEFT, RIGHT), i32::midpoint(TOP, BOTTOM));
    canvas.text(middle, "no data yet", Size::Large, FAINT, Align::Centre);
}

fn plot(canvas: &mut Canvas, points: &[EquityPoint], extremes: &Extremes, asset: &str) {
    let scale = Scale::over(extremes.low.equity.decimal(), extremes.high.equity.decimal(), TICKS);
    let times = TimeScale::over(extremes.first.at, extremes.last.at);
    canvas.text((LEFT, 50), &figures(extremes, asset, &scale), Size::Small, FAINT, Align::Left);
    let spots: Vec<Spot> = points
        .iter()
        .map(|point| Spot {
            x: times.pixel(point.at, LEFT, RIGHT),
            y: scale.pixel(point.equity.decimal(), BOTTOM, TOP),
        })
        .collect();
    shade_drawdowns(canvas, &spots);
    axes(canvas, &scale, &times);
    for pair in spots.windows(2) {
        if let [from, to] = pair {
            canvas.line((from.x, from.y), (to.x, to.y), 2, LINE);
        }
    }
    for (point, colour) in [(extremes.high, HIGH), (extremes.low, LOW), (extremes.last, LINE)] {
        let x = times.pixel(point.at, LEFT, RIGHT);
        let y = scale.pixel(point.equity.decimal(), BOTTOM, TOP);
        canvas.dot((x, y), colour);
    }
    mark(canvas, &scale, &times, extremes);
}

/// A point of the line, in pixels.
#[derive(Debug, Clone, Copy)]
struct Spot {
    x: i32,
    y: i32,
}

/// Fills what lies between the highest point so far and the line, column by column.
fn shade_drawdowns(canvas: &mut Canvas, spots: &[Spot]) {
    let mut peak = i32::MAX;
    for pair in spots.windows(2) {
        let [from, to] = pair else { continue };
        peak = peak.min(from.y);
        for x in from.x..to.x {
            let width = i64::from(to.x - from.x).max(1);
            let risen = i64::from(to.y - from.y) * i64::from(x - from.x) / width;
            let y = from.y.saturating_add(i32::try_from(risen).unwrap_or(0));
            if y > peak {
                canvas.line((x, peak), (x, y), 1, DRAWDOWN);
            }
        }
    }
}

fn frame(canvas: &mut Canvas) {
    canvas.line((LEFT, TOP), (LEFT, BOTTOM), 1, INK);
    canvas.line((LEFT, BOTTOM), (RIGHT, BOTTOM), 1, INK);
}

fn axes(canvas: &mut Canvas, scale: &Scale, times: &TimeScale) {
    for tick in scale.ticks() {
        let y = scale.pixel(tick, BOTTOM, TOP);
        canvas.line((LEFT, y), (RIGHT, y), 1, GRID);
        canvas.text((LEFT - 8, y + 3), &scale.label(tick), Size::Small, FAINT, Align::Right);
    }
    for (at, label) in times.labels(TICKS) {
        let x = times.pixel(at, LEFT, RIGHT);
        canvas.line((x, BOTTOM), (x, BOTTOM + 5), 1, INK);
        let align = if x > RIGHT - 30 && at > times.from { Align::Right } else { Align::Centre };
        canvas.text((x, BOTTOM + 18), &label, Size::Small, FAINT, align);
    }
    canvas.text((RIGHT, BOTTOM + 38), "UTC", Size::Small, FAINT, Align::Right);
    frame(canvas);
}

/// Names the highest, the lowest and the last point where they are.
fn mark(canvas: &mut Canvas, scale: &Scale, times: &TimeScale, extremes: &Extremes) {
    let mut taken: Vec<(i32, i32)> = Vec::new();
    let named =
        [("last", extremes.last, -8, LINE), ("max", extremes.high, -8, HIGH), ("min", extremes.low, 16, LOW)];
    for (name, point, away, colour) in named {
        let x = times.pixel(point.at, LEFT, RIGHT);
        let y = scale.pixel(point.equity.decimal(), BOTTOM, TOP) + away;
        // Two texts on one spot are none.
        if taken.iter().any(|(other_x, other_y)| (other_x - x).abs() < 90 && (other_y - y).abs() < 12) {
            continue;
        }
        taken.push((x, y));
        let text = format!("{name} {}", scale.exact(point.equity.decimal()));
        let align = if x > RIGHT - 100 {
            Align::Right
        } else if x < LEFT + 50 {
            Align::Left
        } else {
            Align::Centre
        };
        canvas.text((x, y), &text, Size::Small, colour, align);
    }
}

fn figures(extremes: &Extremes, asset: &str, scale: &Scale) -> String {
    let exact = |point: EquityPoint| scale.exact(point.equity.decimal());
    format!(
        "last {} {}   min {}   max {}   max drawdown {:.2} %",
        exact(extremes.last),
        ascii(asset),
        exact(extremes.low),
        exact(extremes.high),
        extremes.drawdown_pct.round_dp(2),
    )
}

/// What the font has letters for.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(80).collect()
}

#[cfg(test)]
mod tests;
