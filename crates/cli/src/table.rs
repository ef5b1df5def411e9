//! Tables for people: columns as wide as their cells, two blanks between them, nothing to the right. Cells are short, values of lines are broken to
//! fit [`COLUMNS`]; nothing is cut.

/// Width of a page.
const COLUMNS: usize = 100;
/// Least width that a value is broken to.
const VALUE_COLUMNS_MIN: usize = 20;

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

/// Lines of names and values, the values below each other. A value that is too long, or has several lines itself, goes on below its beginning.
pub(crate) fn lines(pairs: &[(&str, String)], indent: usize) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let room = COLUMNS.saturating_sub(indent + width + 2).max(VALUE_COLUMNS_MIN);
    let mut text = String::new();
    for (name, value) in pairs {
        for (at, line) in broken(value, room).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            text += format!("{:indent$}{}  {line}", "", pad(name, width)).trim_end();
            text += "\n";
        }
    }
    text
}

/// Lines of at most `room` characters: broken between words, and within those that are longer.
fn broken(text: &str, room: usize) -> Vec<String> {
    text.split('\n').flat_map(|line| broken_line(line, room)).collect()
}

fn broken_line(line: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in line.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        }
        for (at, char) in word.chars().enumerate() {
            if used == room {
                lines.push(String::new());
                used = 0;
            }
            let last = lines.last_mut().expect("there is a first line");
            if at == 0 && used > 0 {
                last.push(' ');
                used += 1;
            }
            last.push(char);
            used += 1;
        }
    }
    lines
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
    fn long_values_go_on_below_and_lose_nothing() {
        assert_eq!(broken("one two three", 8), ["one two", "three"]);
        assert_eq!(broken("a\nb", 8), ["a", "b"]);
        let uri = format!("https://example.org/{}", "x".repeat(236));
        let text = lines(&[("metadata", uri.clone()), ("é", "≈ 1".to_owned())], 2);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let joined: String = text.lines().take(3).map(|line| line.trim().trim_start_matches("metadata  ")).collect();
        assert_eq!(joined, uri);
        assert!(text.ends_with("  é         ≈ 1\n"), "{text}");
    }

    #[test]
    fn values_stand_below_each_other() {
        assert_eq!(lines(&[("a", "1".to_owned()), ("long", String::new())], 0), "a     1\nlong\n");
    }
}
