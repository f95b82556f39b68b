//! The account's mind: settings, limits, entries, exits, and what follows from fills. Pure: it is handed events and
//! the time, and returns what must become durable and what must be asked of the exchange.

pub mod settings;
