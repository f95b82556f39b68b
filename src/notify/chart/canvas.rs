//! A picture in memory, and its way into PNG.

use std::convert::Infallible;

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size as Extent};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::primitives::{Circle, Line, Primitive, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Text};

/// How large a text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    Small,
    Large,
}

/// What of a text stands at its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// RGB, row by row. What is drawn outside is not there.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

const BYTES_A_PIXEL: usize = 3;
const DOT: u32 = 7;

impl Canvas {
    pub(super) fn new(width: u32, height: u32, background: Rgb888) -> Self {
        let count = usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(0);
        let colour = [background.r(), background.g(), background.b()];
        Self { width, height, pixels: colour.repeat(count) }
    }

    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), width: u32, colour: Rgb888) {
        let line = Line::new(point(from), point(to));
        let Ok(()) = line.into_styled(PrimitiveStyle::with_stroke(colour, width)).draw(self);
    }

    pub(super) fn dot(&mut self, centre: (i32, i32), colour: Rgb888) {
        let circle = Circle::with_center(point(centre), DOT);
        let Ok(()) = circle.into_styled(PrimitiveStyle::with_fill(colour)).draw(self);
    }

    /// `at` is on the text's base line.
    pub(super) fn text(&mut self, at: (i32, i32), text: &str, size: Size, colour: Rgb888, align: Align) {
        let font = match size {
            Size::Small => &FONT_6X10,
            Size::Large => &FONT_10X20,
        };
        let alignment = match align {
            Align::Left => Alignment::Left,
            Align::Centre => Alignment::Center,
            Align::Right => Alignment::Right,
        };
        let style = MonoTextStyle::new(font, colour);
        let Ok(_end) = Text::with_alignment(text, point(at), style, alignment).draw(self);
    }

    pub(super) fn into_png(self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

const fn point((x, y): (i32, i32)) -> Point {
    Point::new(x, y)
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Extent {
        Extent::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = Pixel<Self::Color>>,
    {
        for Pixel(Point { x, y }, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { continue };
            if x >= self.width || y >= self.height {
                continue;
            }
            let index = u64::from(y) * u64::from(self.width) + u64::from(x);
            let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(BYTES_A_PIXEL);
            if let Some(slot) = self.pixels.get_mut(start..start.saturating_add(BYTES_A_PIXEL)) {
                slot.copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}
