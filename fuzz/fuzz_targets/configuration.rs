#![no_main]

tradefleet_fuzz::fuzz!("configuration");
