#![no_main]

tradefleet_fuzz::fuzz!("stored_candles");
