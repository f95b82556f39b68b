//! temp
use crate::domain::money::Pct;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitPlan {
    pub take_profit_pct: Option<Pct>,
    pub stop_loss_pct: Option<Pct>,
    pub min_hold_bars: u32,
    pub trail_activation_pct: Option<Pct>,
    pub trail_pct: Option<Pct>,
}
