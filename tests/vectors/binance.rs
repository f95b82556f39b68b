//! The vectors of Binance USDⓈ-M futures.

mod errors;
mod requests;
mod responses;

use tradefleet::domain::ids::{AccountId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::order::Purpose;
use tradefleet::domain::secret::Secret;
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::binance::sign::{Credentials, Signer};

fn signer(api_key: &str, api_secret: &str) -> Signer {
    let secret = |text: &str| Secret::new(text.to_owned());
    Signer::try_new(&Credentials { api_key: secret(api_key), api_secret: secret(api_secret) }).unwrap()
}

/// An id of ours, for orders that have somebody else's.
fn own_id(purpose: Purpose) -> ClientOrderId {
    ClientOrderId::new(&OrderKey {
        account: AccountId::new(1),
        bot: None,
        cycle: CycleId::at(Timestamp::from_ms(1_700_000_000_000)),
        purpose,
        leg: 0,
        attempt: 1,
    })
}

#[test]
fn the_signing_examples_come_out() {
    let mut findings = super::Findings::default();
    for example in super::signing::examples("binance") {
        let signer = signer(example.text("apiKey"), example.text("secret"));
        let signature = signer.signature(&example.query, &example.body);
        let name = format!("{} ({} {})", example.name, example.method, example.path);
        findings.check(&name, super::same("signature", signature, example.expected.clone()));
    }
    findings.conclude("binance signing");
}
