#![no_main]

tradefleet_fuzz::fuzz!("binance_frames");
