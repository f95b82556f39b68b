#![no_main]

tradefleet_fuzz::fuzz!("upbit_frames");
