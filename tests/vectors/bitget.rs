//! The vectors of Bitget USDT futures.

#![expect(clippy::indexing_slicing, reason = "a vector without an expected field must fail loudly")]
#![expect(
    clippy::unwrap_in_result,
    reason = "what is returned is why a vector is left out, not that it is broken"
)]

mod answers;
mod requests;

use serde_json::Value;

use super::VectorFile;
use tradefleet::domain::ids::{AccountId, BotId, ClientOrderId, CycleId, OrderKey};
use tradefleet::domain::instrument::Symbol;
use tradefleet::domain::order::Purpose;
use tradefleet::domain::secret::Secret;
use tradefleet::domain::time::Timestamp;
use tradefleet::exchange::bitget::sign::{Credentials, Signer};

/// When vectors are signed, unless they say otherwise.
const CLOCK: Timestamp = Timestamp::from_ms(1_700_000_000_000);

fn signer<V>(file: &VectorFile<V>) -> Signer {
    signer_of(file.text("apiKey"), file.text("secret"), file.text("password"))
}

fn signer_of(api_key: &str, secret: &str, passphrase: &str) -> Signer {
    let secret_text = |text: &str| Secret::new(text.to_owned());
    Signer::new(Credentials {
        api_key: secret_text(api_key),
        secret: secret_text(secret),
        passphrase: secret_text(passphrase),
    })
}

/// An id of ours for an order of this purpose.
fn our_id(purpose: Purpose) -> ClientOrderId {
    ClientOrderId::new(&OrderKey {
        account: AccountId::new(7),
        bot: Some(BotId::new(3)),
        cycle: CycleId::at(CLOCK),
        purpose,
        leg: 0,
        attempt: 1,
    })
}

/// The symbol of a client's `BTC/USDT:USDT`.
fn symbol_of(unified: &Value) -> Symbol {
    let text = unified.as_str().unwrap();
    Symbol::try_new(&text.split(':').next().unwrap().replace('/', "")).unwrap()
}
