//! Tables with a header line, read by the names of their columns.

use std::collections::HashMap;

use csv::StringRecord;

use super::{File, ListError, check_quotes, damaged, text};

/// A table in memory.
pub struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<StringRecord>,
    /// The lines before the header, where exports put their date.
    pub preamble: String,
}

/// One line of a table.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    columns: &'a HashMap<String, usize>,
    record: &'a StringRecord,
}

impl Row<'_> {
    /// The trimmed value of a column, empty when there is no such column.
    pub fn get(&self, column: &str) -> &str {
        self.columns.get(&key(column)).and_then(|at| self.record.get(*at)).unwrap_or_default().trim()
    }

    /// The first value of these columns that is not empty.
    pub fn first(&self, columns: &[&str]) -> &str {
        columns.iter().map(|column| self.get(column)).find(|value| !value.is_empty()).unwrap_or_default()
    }
}

impl Table {
    /// Reads a file whose header is the first of its first lines that `is_header` accepts.
    ///
    /// # Errors
    /// When there is no header, or a line has another number of columns than the header has.
    pub fn read(file: File<'_>, separator: u8, is_header: impl Fn(&str) -> bool) -> Result<Table, ListError> {
        let text = text(file);
        // The EU does not quote: there, a quote is a character like any other.
        let quoted = separator != b';';
        if quoted {
            check_quotes(file, &text)?;
        }
        let mut start = 0;
        for line in text.split_inclusive('\n').take(5) {
            if is_header(line) {
                break;
            }
            start += line.len();
        }
        let (preamble, body) = text.split_at(start);
        if !body.lines().next().is_some_and(is_header) {
            return Err(damaged(file, "its line of column names is missing"));
        }
        let lines_before = preamble.lines().count() as u64;
        let mut reader =
            csv::ReaderBuilder::new().delimiter(separator).quoting(quoted).flexible(true).from_reader(body.as_bytes());
        let header = reader.headers().map_err(|error| damaged(file, error))?.clone();
        let columns = header.iter().enumerate().map(|(at, name)| (key(name), at)).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| damaged(file, error))?;
            // Some exports end each line with a separator that the header lacks.
            let blank_end = row.len() == header.len() + 1 && row[header.len()].trim().is_empty();
            if row.len() != header.len() && !blank_end {
                let line = lines_before + row.position().map_or(0, csv::Position::line);
                return Err(damaged(
                    file,
                    format_args!("line {line} has {} columns, not {} as its header", row.len(), header.len()),
                ));
            }
            rows.push(row);
        }
        Ok(Table { columns, rows, preamble: preamble.to_owned() })
    }

    /// The lines after the header.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row { columns: &self.columns, record })
    }
}

/// Column names differ in case and punctuation from one edition to the next.
fn key(column: &str) -> String {
    column.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
