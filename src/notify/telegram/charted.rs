//! A chart before it is drawn: it is kept with its answer, and drawn when that is sent.

use serde::{Deserialize, Serialize};

use crate::domain::money::Quote;
use crate::domain::time::Timestamp;
use crate::notify::chart::{self, ChartError, EquityPoint};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charted {
    /// In the picture, as far as it is ASCII.
    pub title: String,
    /// Beside the picture.
    pub caption: String,
    pub asset: String,
    pub points: Vec<(Timestamp, Quote)>,
}

impl Charted {
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        let points: Vec<_> =
            self.points.iter().map(|(at, equity)| EquityPoint { at: *at, equity: *equity }).collect();
        chart::render(&self.title, &self.asset, &points)
    }
}
