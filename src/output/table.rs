//! Columns that line up.

use std::io::{self, Write};

use super::Paint;

pub(super) fn widths<const N: usize>(head: &[String; N], rows: &[[String; N]]) -> Vec<usize> {
    let width = |i: usize| {
        let cells = rows.iter().chain([head]).map(|row| row[i].chars().count());
        cells.max().unwrap_or(0)
    };
    (0..N).map(width).collect()
}

pub(super) fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        text.push_str(&format!("{cell:<width$}  "));
    }
    text.trim_end().to_owned()
}

/// Cells that are escaped already, below their headings.
pub fn write_table<const N: usize>(
    out: &mut dyn Write,
    paint: Paint,
    head: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let head = head.map(str::to_owned);
    let widths = widths(&head, rows);
    writeln!(out, "{}", paint.dim(line(&head, &widths)))?;
    for row in rows {
        writeln!(out, "{}", line(row, &widths))?;
    }
    Ok(())
}
