//! What a person or a script sees: data on stdout, talk on stderr.
//!
//! A reader that goes away (`| head`) ends the command quietly. Colours only where a person looks, and never with
//! NO_COLOR (<https://no-color.org>).

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use serde::Serialize;

use super::error::{CliError, Exit};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// What a piece of text means; it decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warning,
    Bad,
    Faint,
    Strong,
}

impl Tone {
    const ALL: [Self; 5] = [Self::Good, Self::Warning, Self::Bad, Self::Faint, Self::Strong];

    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Warning => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Output {
    is_json: bool,
    has_color: bool,
}

impl Output {
    pub fn new(is_json: bool, choice: ColorChoice) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let has_color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !no_color && io::stdout().is_terminal(),
        };
        Self { is_json, has_color: has_color && !is_json }
    }

    /// Whether the answer is to be JSON.
    pub const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether text is painted.
    pub const fn has_color(&self) -> bool {
        self.has_color
    }

    /// One line of data.
    pub fn line(&self, text: impl AsRef<str>) -> Result<(), CliError> {
        self.raw(&format!("{}\n", text.as_ref()))
    }

    /// Data as it is.
    pub fn raw(&self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
            let is_closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
            CliError { is_closed_pipe, ..CliError::new(Exit::Failure, format!("stdout: {error}")) }
        })
    }

    /// The answer of `--json`: one document, indented.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), CliError> {
        self.line(serde_json::to_string_pretty(value)?)
    }

    /// Prints a table; its cells may be painted.
    pub fn table(&self, table: &Table) -> Result<(), CliError> {
        if !self.has_color {
            return self.line(table.trim_fmt());
        }
        // The table would count a painted cell's escape codes as width, so they become styles.
        let mut styled = table.clone();
        styled.enforce_styling();
        for row in styled.row_iter_mut() {
            *row = row.cell_iter().map(styled_cell).collect::<Vec<_>>().into();
        }
        self.line(styled.trim_fmt())
    }

    /// Talk: progress, what happens next.
    pub fn note(&self, text: impl AsRef<str>) {
        talk(&format!("{}\n", text.as_ref()));
    }

    pub fn warn(&self, text: impl AsRef<str>) {
        talk(&format!("{} {}\n", self.paint(Tone::Warning, "warning:"), text.as_ref()));
    }

    /// The error, in the form that was asked for.
    pub fn error(&self, error: &CliError) {
        if self.is_json {
            return talk(&format!("{}\n", error.to_json()));
        }
        let mut text = format!("{} {}\n", self.paint(Tone::Bad, "error:"), error.message);
        if let Some(hint) = &error.hint {
            text = format!("{text}{} {hint}\n", self.paint(Tone::Faint, "hint:"));
        }
        talk(&text);
    }

    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if self.has_color { format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()) } else { text.to_owned() }
    }

    /// A table with these columns; the ones in `right` hold numbers.
    pub fn new_table(&self, columns: &[&str], right: &[usize]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(columns.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        if !self.has_color {
            table.set_header(columns);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            // No space before the first column.
            column.set_padding((u16::from(index > 0), 1));
            if right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

/// A cell whose whole text was painted, as a styled cell; codes inside the text are dropped.
fn styled_cell(cell: &Cell) -> Cell {
    let content = cell.content();
    let painted = content.strip_prefix("\u{1b}[").and_then(|rest| rest.strip_suffix("\u{1b}[0m"));
    let tone = painted.and_then(|rest| {
        let (code, _) = rest.split_once('m')?;
        Tone::ALL.into_iter().find(|tone| tone.code() == code)
    });
    let styled = Cell::new(without_codes(&content));
    match tone {
        Some(Tone::Good) => styled.fg(Color::DarkGreen),
        Some(Tone::Warning) => styled.fg(Color::DarkYellow),
        Some(Tone::Bad) => styled.fg(Color::DarkRed),
        Some(Tone::Faint) => styled.add_attribute(Attribute::Dim),
        Some(Tone::Strong) => styled.add_attribute(Attribute::Bold),
        None => styled,
    }
}

/// The text without what [`Output::paint`] puts around it.
fn without_codes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

/// Writes to stderr; when even that is gone, nobody is left to tell.
fn talk(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_people_only() {
        let plain = Output::new(true, ColorChoice::Always);
        assert_eq!(plain.paint(Tone::Bad, "x"), "x");
        let painting = Output::new(false, ColorChoice::Always);
        assert_eq!(painting.paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        let half = format!("a {} b", painting.paint(Tone::Good, "x"));
        assert_eq!(without_codes(&half), "a x b");
        assert_eq!(styled_cell(&Cell::new(half)).content(), "a x b");
        assert_eq!(
            styled_cell(&Cell::new(painting.paint(Tone::Bad, "x"))),
            Cell::new("x").fg(Color::DarkRed)
        );
    }
}
