//! Secrets of an import: named by `env:NAME` or `file:PATH`, never written into the file themselves.

use super::ImportOptions;
use crate::control::names;
use crate::vault::{Secret, reference};

/// Resolves a reference. The error names what was looked for and repeats nothing that may be a secret.
pub(super) fn resolve(text: &str, place: &str, options: ImportOptions<'_>) -> Result<Secret, String> {
    match reference::resolve(text, options.base) {
        Err(_) if options.placeholders && reference::is_reference(text) => {
            Ok(Secret::new(placeholder(place)))
        }
        outcome => outcome,
    }
}

/// In the shape of a bot's token, the only secret here that has one; another for every place.
fn placeholder(place: &str) -> String {
    let plain: String = place.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("0:placeholder-for-{plain}-{}", names::mark(place))
}
