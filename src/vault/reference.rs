//! Secrets that a file names and does not hold: `env:NAME` or `file:PATH`.

use std::path::Path;

use super::Secret;

/// Whether the text is a reference, and not a secret itself.
pub fn is_reference(text: &str) -> bool {
    text.strip_prefix("env:").or_else(|| text.strip_prefix("file:")).is_some_and(|name| !name.is_empty())
}

/// Reads what is referred to; a file is looked for from `base`. The error names what was looked for and repeats nothing
/// that may be a secret.
pub fn resolve(reference: &str, base: &Path) -> Result<Secret, String> {
    let found = if let Some(name) = reference.strip_prefix("env:") {
        std::env::var(name)
            .ok()
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| format!("environment variable `{name}` is not set"))
    } else if let Some(path) = reference.strip_prefix("file:") {
        let path = base.join(path);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => Err(format!("{} is empty", path.display())),
            Ok(text) => Ok(text),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    } else {
        Err("a secret is given as `env:NAME` or `file:PATH`, never itself".to_owned())
    };
    Ok(Secret::new(found?.trim().to_owned()))
}
