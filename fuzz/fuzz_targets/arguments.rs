#![no_main]

tradefleet_fuzz::fuzz!("arguments");
