#![no_main]

tradefleet_fuzz::fuzz!("telegram_lines");
