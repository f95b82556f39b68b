//! Requests and answers as they go over the wire, and what they cost. Pure: dialects make and read them, and only the
//! line to the exchange sends them.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request, signed where it must be.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub method: Method,
    /// Path and query, percent-encoded, from the `/` on.
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Body>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    pub content_type: &'static str,
    pub text: String,
}

/// An answer, whatever its status. The body is text of bounded size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl HttpAnswer {
    pub fn header(&self, lower_case_name: &str) -> Option<&str> {
        self.headers.get(lower_case_name).map(String::as_str)
    }

    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}

/// Whether a call changes something at the exchange: an answer that never came is an unknown outcome only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// Who goes first when an exchange's limits are near. The order is the priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Stops, exits and everything that makes a position safe; it alone may use the reserve.
    Protect,
    Cancel,
    Entry,
    /// Questions about orders, positions and balances.
    Reconcile,
    /// Candles, old fills, funding.
    History,
}

/// Whose requests a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitScope {
    /// All that leave by one address.
    Address,
    Account,
}

/// One of an exchange's limits, by its name in the dialect's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    pub scope: LimitScope,
    pub name: &'static str,
}

/// What a call takes out of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    pub bucket: Bucket,
    pub amount: u32,
}
