//! `docs/proof.md` names a test for every fault of the fault model. They must be there.

#![expect(clippy::unwrap_used, reason = "a failed read should fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every function of a Rust file below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let is_test = |(before, _): &(&str, &str)| before.trim_end().ends_with(']');
            for (index, _) in text.match_indices("fn ") {
                let (before, rest) = text.split_at(index);
                let before = before.trim_end().trim_end_matches("async").trim_end();
                let name: String =
                    rest[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if is_test(&(before, rest)) {
                    found.insert(name);
                }
            }
        }
    }
}

#[test]
fn every_fault_has_its_tests_and_they_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    functions(&root.join("src"), &mut known);
    functions(&root.join("tests"), &mut known);
    let page = fs::read_to_string(root.join("docs/proof.md")).unwrap();
    let mut missing = Vec::new();
    for number in 1..=42 {
        let row = page.lines().find(|line| line.starts_with(&format!("| {number} |"))).unwrap();
        let tests = row.split('|').nth(3).unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "fault {number} has no test");
        missing.extend(names.into_iter().filter(|name| !known.contains(*name)));
    }
    assert!(missing.is_empty(), "not in the tree: {missing:?}");
}
