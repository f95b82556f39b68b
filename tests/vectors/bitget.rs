//! The vectors of Bitget USDT futures.
