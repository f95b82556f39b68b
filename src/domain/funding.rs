//! Funding: what positions in perpetual futures pay each other.

use super::instrument::Symbol;
use super::money::Quote;
use super::time::Timestamp;

/// Funding of one position at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingPayment {
    /// The exchange's id of the payment.
    pub id: String,
    pub symbol: Symbol,
    /// Received, or paid when negative; in quote currency.
    pub amount: Quote,
    pub at: Timestamp,
}
