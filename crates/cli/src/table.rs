//! Tables for people: columns as wide as their cells, two blanks between them, nothing to the right. Cells are short; nothing is cut.

/// Rows under a heading.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with those columns.
    pub(crate) fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { rows: vec![heading.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Whether there are rows beside the heading.
    pub(crate) fn has_rows(&self) -> bool {
        self.rows.len() > 1
    }

    /// The lines, each indented by `indent`.
    pub(crate) fn text(&self, indent: usize) -> String {
        self.rows.iter().map(|row| self.line(row, indent)).collect()
    }

    fn line(&self, row: &[String], indent: usize) -> String {
        let cells: Vec<_> = row.iter().enumerate().map(|(at, cell)| pad(cell, self.width(at))).collect();
        let line = format!("{:indent$}{}", "", cells.join("  "));
        format!("{}\n", line.trim_end())
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// By characters, as `≈` and `…` take several bytes.
fn pad(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count())))
}

/// Lines of names and values, the values below each other.
pub(crate) fn lines(pairs: &[(&str, String)], indent: usize) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| format!("{:indent$}{}  {value}", "", pad(name, width));
    pairs.iter().map(|pair| format!("{}\n", line(pair).trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_lines_end_with_them() {
        let mut table = Table::new(["token", "stake"]);
        table.row(["TDM".to_owned(), "≈ 1".to_owned()]);
        table.row(["stETH-wrapped".to_owned(), "12.5".to_owned()]);
        assert!(table.has_rows());
        assert_eq!(table.text(2), "  token          stake\n  TDM            ≈ 1\n  stETH-wrapped  12.5\n");
    }

    #[test]
    fn values_stand_below_each_other() {
        assert_eq!(lines(&[("a", "1".to_owned()), ("long", String::new())], 0), "a     1\nlong\n");
    }
}
