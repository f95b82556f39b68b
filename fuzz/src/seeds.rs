//! Writes the seeds of every target to `corpus/TARGET`, and what is quoted in them, which libFuzzer puts together anew,
//! to `corpus/TARGET.dict`.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, seeds) in tradefleet_fuzz::seeds() {
        let folder = corpora.join(name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
        fs::write(corpora.join(format!("{name}.dict")), dictionary(&seeds))?;
    }
    Ok(())
}

fn dictionary(seeds: &[Vec<u8>]) -> String {
    const WORD_MAX: usize = 40;
    let texts = seeds.iter().filter_map(|seed| std::str::from_utf8(seed).ok());
    let is_word = |word: &&str| {
        (2..=WORD_MAX).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let words: BTreeSet<&str> = texts
        .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(is_word)
        .collect();
    words.into_iter().map(|word| format!("\"{word}\"\n")).collect()
}
