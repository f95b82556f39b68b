#![no_main]

tradefleet_fuzz::fuzz!("accounts_file");
