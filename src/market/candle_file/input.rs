//! What a candle file is, told by its first bytes, and its text unpacked. What unpacks to more than a candle file can
//! be is refused, so that no file fills the memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use zip::ZipArchive;

use super::CandleFileError;

/// Bytes that a packed file may unpack to: eight years of 1 m candles in the widest layout.
const UNPACKED_MAX: u64 = 1 << 30;
/// Files that an archive may hold.
const ENTRIES_MAX: usize = 100;

const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const ZIP_EMPTY_MAGIC: &[u8] = b"PK\x05\x06";
const FEATHER_MAGIC: &[u8] = b"ARROW1";
/// The first version of feather, which is another format.
const FEATHER_V1_MAGIC: &[u8] = b"FEA1";

/// What is in a candle file.
pub(super) enum Content {
    Text(Box<dyn Read>),
    Feather(BufReader<File>),
}

pub(super) fn open(path: &Path) -> Result<Content, CandleFileError> {
    let fail = |source| CandleFileError::Open { path: path.to_owned(), source };
    let archive = |what: String| CandleFileError::Archive { path: path.to_owned(), what };
    let file = File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(CandleFileError::Directory { path: path.to_owned() });
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    let head = file.fill_buf().map_err(fail)?;
    if head.starts_with(GZIP_MAGIC) {
        return Ok(Content::Text(Box::new(Bounded::new(MultiGzDecoder::new(file)))));
    }
    if head.starts_with(ZIP_MAGIC) || head.starts_with(ZIP_EMPTY_MAGIC) {
        return unzipped(file).map(|text| Content::Text(Box::new(Cursor::new(text)))).map_err(archive);
    }
    if head.starts_with(FEATHER_MAGIC) {
        return Ok(Content::Feather(file));
    }
    if head.starts_with(FEATHER_V1_MAGIC) {
        return Err(archive("feather of the first version; write it anew as feather v2".to_owned()));
    }
    Ok(Content::Text(Box::new(file)))
}

/// The one CSV file of an archive.
fn unzipped(file: BufReader<File>) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::error::Error| format!("the archive cannot be read: {error}");
    let mut archive = ZipArchive::new(file).map_err(|error| failed(&error))?;
    if archive.len() > ENTRIES_MAX {
        return Err(format!("the archive holds {} files, expected one CSV", archive.len()));
    }
    let names = archive.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned);
    let names: Vec<String> = names.filter(|name| name.to_ascii_lowercase().ends_with(".csv")).collect();
    let [name] = names.as_slice() else {
        return Err(format!("the archive holds {} CSV files, expected one", names.len()));
    };
    let entry = archive.by_name(name).map_err(|error| failed(&error))?;
    let mut text = Vec::new();
    Bounded::new(entry).read_to_end(&mut text).map_err(|error| failed(&error))?;
    Ok(text)
}

/// Fails instead of handing on more than [`UNPACKED_MAX`] bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R> Bounded<R> {
    const fn new(inner: R) -> Self {
        Self { inner, left: UNPACKED_MAX }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(format!("it unpacks to more than {} MB", UNPACKED_MAX >> 20)))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut bounded = Bounded { inner: &b"0123456789"[..], left: 10 };
        let mut text = Vec::new();
        bounded.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"0123456789");
        let mut bounded = Bounded { inner: io::repeat(0), left: 1_000 };
        let error = bounded.read_to_end(&mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("unpacks to more than"), "{error}");
        let endless = Bounded::new(io::repeat(0));
        assert_eq!(endless.left, UNPACKED_MAX);
    }
}
