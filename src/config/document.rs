//! A TOML text as a tree that knows its lines and keeps numbers as they were written.
//!
//! Decimals stay exact because no number passes through a float. Problems are collected, so that a file's errors are
//! all reported at once, each with its line.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::spelling;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// What is wrong with a file so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn add(&mut self, line: usize, message: impl fmt::Display) {
        self.0.push(Problem { line, message: message.to_string() });
    }

    /// `value`, if nothing was wrong; all problems by line otherwise.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort();
        Err(self.0)
    }
}

/// A value and the line it stands on.
#[derive(Debug, Clone)]
pub struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    /// A string.
    Text(String),
    /// A number or a flag, as it was written.
    Plain(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub line: usize,
    pub node: Node,
}

impl Node {
    /// The text of a string, a number or a flag.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            Value::List(_) | Value::Table(_) => None,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Plain(_) => "a number or flag",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// What the parser says of a key or a section that comes again.
const DUPLICATE: &str = "duplicate key";

/// Parses a whole file; its entries are sorted by key.
pub fn parse(text: &str) -> Result<Vec<Entry>, Vec<Problem>> {
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => Ok(entries(table.get_ref(), &lines)),
        Err(error) => {
            let span = error.span();
            let line = span.clone().map_or(1, |span| lines.line(span.start));
            let key = span.and_then(|span| text.get(span)).map(str::trim).filter(|key| !key.is_empty());
            let message = match key {
                Some(key) if error.message() == DUPLICATE => {
                    format!("`{key}` is there already, further up: a file has each section and each key once")
                }
                Some(_) | None => error.message().to_owned(),
            };
            Err(vec![Problem { line, message }])
        }
    }
}

/// A table being read: every key must be taken or it is unknown.
pub struct Fields<'a> {
    what: &'a str,
    known: Vec<&'static str>,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// `what` is named in errors: `section [log]`.
    pub fn new(what: &'a str, entries: &'a [Entry]) -> Self {
        Self { what, known: Vec::new(), entries }
    }

    pub fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text under `key`, if it is there and plain.
    pub fn scalar(&mut self, key: &'static str, problems: &mut Problems) -> Option<(&'a str, usize)> {
        let node = self.take(key)?;
        let text = node.scalar();
        if text.is_none() {
            problems.add(node.line, format!("`{key}` is {}, not a single value", node.kind()));
        }
        text.map(|text| (text, node.line))
    }

    /// The entries of the table under `key`; none when it is absent.
    pub fn table(&mut self, key: &'static str, problems: &mut Problems) -> &'a [Entry] {
        let Some(node) = self.take(key) else {
            return &[];
        };
        table_of(key, node, problems).unwrap_or_default()
    }

    /// The nodes of the list under `key`; none when it is absent.
    pub fn list(&mut self, key: &'static str, problems: &mut Problems) -> &'a [Node] {
        match self.take(key).map(|node| (node, &node.value)) {
            None => &[],
            Some((_, Value::List(nodes))) => nodes,
            Some((node, Value::Text(_) | Value::Plain(_) | Value::Table(_))) => {
                problems.add(node.line, format!("`{key}` is {}, not a list", node.kind()));
                &[]
            }
        }
    }

    /// Reports every key that was not taken.
    pub fn finish(self, problems: &mut Problems) {
        for entry in self.entries {
            if !self.known.contains(&entry.key.as_str()) {
                problems.add(entry.line, unknown_key(&entry.key, self.what, self.known.iter().copied()));
            }
        }
    }
}

/// `unknown key `x` in section [y] (did you mean `z`?)`.
pub fn unknown_key<'k>(key: &str, what: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    format!("unknown key `{key}` in {what}{}", spelling::hint(key, known))
}

/// The entries of a table node; any other node is a problem.
pub fn table_of<'a>(what: &str, node: &'a Node, problems: &mut Problems) -> Option<&'a [Entry]> {
    match &node.value {
        Value::Table(entries) => Some(entries),
        Value::Text(_) | Value::Plain(_) | Value::List(_) => {
            problems.add(node.line, format!("`{what}` is {}, not a table", node.kind()));
            None
        }
    }
}

/// Where each line but the last ends.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        // What is behind the last newline is not a line: the end of the text is told as its last one.
        let within = text.strip_suffix('\n').unwrap_or(text);
        Self(within.match_indices('\n').map(|(index, _)| index).collect())
    }

    /// The line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

fn entries(table: &DeTable<'_>, lines: &Lines) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| {
            let line = lines.line(key.span().start);
            Entry { key: key.get_ref().to_string(), line, node: node(value, lines) }
        })
        .collect();
    // The order of the file, whatever order the parser's map has.
    entries.sort_by_key(|entry| entry.line);
    entries
}

fn node(value: &Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let line = lines.line(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Value::Plain(number.as_str().to_owned()),
        DeValue::Integer(number) => Value::Plain(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.as_str().to_owned(), |value| value.to_string()),
        ),
        DeValue::Float(number) => Value::Plain(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Plain(flag.to_string()),
        DeValue::Datetime(moment) => Value::Plain(moment.to_string()),
        DeValue::Array(values) => Value::List(values.iter().map(|value| node(value, lines)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, lines)),
    };
    Node { line, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_keys_their_lines() {
        let entries = parse("a = 0.10\n\n[t]\nb = [1, 'x']\n").unwrap();
        assert_eq!(entries[0].node.scalar(), Some("0.10"));
        assert_eq!((entries[1].key.as_str(), entries[1].line), ("t", 3));
        let Value::Table(inner) = &entries[1].node.value else { panic!("not a table") };
        assert_eq!(inner[0].line, 4);
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_line() {
        let problems = parse("a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(problems[0].line, 2);
    }

    #[test]
    fn keys_that_nobody_takes_are_unknown() {
        let entries = parse("leverage = 1\nlevrage = 2\n").unwrap();
        let mut fields = Fields::new("section [x]", &entries);
        let mut problems = Problems::default();
        assert_eq!(fields.scalar("leverage", &mut problems), Some(("1", 1)));
        fields.finish(&mut problems);
        let found = problems.into_result(()).unwrap_err();
        assert_eq!(
            found[0].to_string(),
            "line 2: unknown key `levrage` in section [x] (did you mean `leverage`?)"
        );
    }
}
