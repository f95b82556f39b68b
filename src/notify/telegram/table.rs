//! Tables in monospace, for narrow screens. Korean letters are two columns wide.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Lines of a table with one space between its columns; the columns of `right` are aligned to the right.
pub(super) fn lines(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((u16::from(index > 0), 0));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// `label  value`, aligned.
pub(super) fn pairs(rows: &[(&str, String)]) -> Vec<String> {
    let rows: Vec<_> = rows.iter().map(|(label, value)| vec![(*label).to_owned(), value.clone()]).collect();
    lines(&[], &rows, &[])
}
