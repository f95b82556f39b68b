//! "Did you mean": the nearest of the words that would have been understood.

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean `x`?)`, or nothing.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
}

/// [`hint`], or ` (allowed: a, b, c)` where none is near.
pub fn hint_or_all<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = hint(word, candidates.iter().copied());
    if near.is_empty() { format!(" (allowed: {})", candidates.join(", ")) } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let words = ["leverage", "entry_pct", "dry_run"];
        assert_eq!(nearest("levrage", words), Some("leverage"));
        assert_eq!(nearest("entrypct", words), Some("entry_pct"));
        assert_eq!(nearest("zzz", words), None);
        assert_eq!(hint_or_all("zzz", words), " (allowed: leverage, entry_pct, dry_run)");
        assert_eq!(hint_or_all("dryrun", words), hint("dryrun", words));
        assert_eq!(hint("dryrun", words), " (did you mean `dry_run`?)");
    }
}
