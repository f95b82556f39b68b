#![no_main]

tradefleet_fuzz::fuzz!("candle_feather");
