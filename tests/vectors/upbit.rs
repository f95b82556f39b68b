//! The vectors of Upbit KRW spot.
