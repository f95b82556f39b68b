#![no_main]

tradefleet_fuzz::fuzz!("bitget_frames");
