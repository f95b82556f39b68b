//! Secrets of an import: named by `env:NAME` or `file:PATH`, never written into the file themselves.

use super::ImportOptions;
use crate::vault::Secret;

/// Resolves a reference. The error names what was looked for and repeats nothing that may be a secret.
pub(super) fn resolve(reference: &str, place: &str, options: ImportOptions<'_>) -> Result<Secret, String> {
    let found = if let Some(name) = reference.strip_prefix("env:") {
        std::env::var(name)
            .ok()
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| format!("environment variable `{name}` is not set"))
    } else if let Some(path) = reference.strip_prefix("file:") {
        let path = options.base.join(path);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => Err(format!("{} is empty", path.display())),
            Ok(text) => Ok(text),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    } else {
        return Err("a secret is given as `env:NAME` or `file:PATH`, never itself".to_owned());
    };
    match found {
        Ok(text) => Ok(Secret::new(text.trim().to_owned())),
        Err(_) if options.placeholders => Ok(Secret::new(format!("placeholder for {place}"))),
        Err(problem) => Err(problem),
    }
}
