//! Percent-encoding of what goes into a URL (RFC 3986, section 2.1).

use std::fmt::{self, Write};

/// Encodes what is written to it straight into a string: everything but the unreserved characters (section 2.3) and those
/// that an exchange wants as they are.
pub struct PercentEncoded<'a> {
    text: &'a mut String,
    kept: &'static [u8],
}

impl<'a> PercentEncoded<'a> {
    pub const fn new(text: &'a mut String) -> Self {
        Self { text, kept: b"" }
    }

    #[must_use]
    pub const fn keeping(self, kept: &'static [u8]) -> Self {
        Self { kept, ..self }
    }
}

impl Write for PercentEncoded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || self.kept.contains(&byte) {
                self.text.push(char::from(byte));
            } else {
                write!(self.text, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// The text percent-encoded, but for the unreserved characters and `kept`.
pub fn encoded(text: &str, kept: &'static [u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    // Writing to a string cannot fail.
    let _infallible = PercentEncoded::new(&mut encoded).keeping(kept).write_str(text);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_no_encoding_stays() {
        assert_eq!(encoded("aZ9-._~", b""), "aZ9-._~");
        assert_eq!(encoded("币 [\"a,b\"]%", b""), "%E5%B8%81%20%5B%22a%2Cb%22%5D%25");
        assert_eq!(encoded("a,b&", b","), "a,b%26");
    }
}
