#![no_main]

tradefleet_fuzz::fuzz!("refusals");
