#![no_main]

tradefleet_fuzz::fuzz!("client_order_ids");
