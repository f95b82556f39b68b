//! The vectors of Binance USDⓈ-M futures.
