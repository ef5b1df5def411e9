//! The table: one row per measurement, with the bar it has to meet.

use std::fmt;

use serde_json::{Value, json};

/// What is asked of a figure.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// It is there to compare with.
    None,
    /// The figure, in its unit.
    AtLeast(f64),
    /// The figure, in its unit.
    AtMost(f64),
}

/// One measurement.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) tandem: f64,
    /// What it is compared with.
    pub(crate) beside: Option<f64>,
    pub(crate) bar: Bar,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.beside.filter(|beside| *beside > 0.0).map(|beside| self.tandem / beside)
    }

    fn is_met(&self) -> Option<bool> {
        match self.bar {
            Bar::None => None,
            Bar::AtLeast(least) => Some(self.tandem >= least),
            Bar::AtMost(most) => Some(self.tandem <= most),
        }
    }

    fn bar(&self) -> String {
        match self.bar {
            Bar::None => String::new(),
            Bar::AtLeast(least) => format!(">= {least} {}", self.unit),
            Bar::AtMost(most) => format!("<= {most} {}", self.unit),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        }
    }
}

/// All measurements of one run.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn push(&mut self, row: Row) {
        self.0.push(row);
    }

    /// How many bars there are.
    pub(crate) fn bars(&self) -> usize {
        self.0.iter().filter(|row| row.is_met().is_some()).count()
    }

    /// How many bars are missed.
    pub(crate) fn missed(&self) -> usize {
        self.0.iter().filter(|row| row.is_met() == Some(false)).count()
    }

    pub(crate) fn to_json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "what": row.what, "unit": row.unit, "tandem": row.tandem, "beside": row.beside, "ratio": row.ratio(), "bar": row.bar(), "met": row.is_met(),
            })
        };
        self.0.iter().map(row).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<f64>| number.map_or(String::new(), shown);
        writeln!(f, "{:<64} {:>10} {:>10} {:>7}  {:<15} ", "", "Tandem", "beside", "ratio", "bar")?;
        for row in &self.0 {
            let what = [row.what.as_str(), row.unit].join(if row.unit.is_empty() { "" } else { ", " });
            let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2} x"));
            let (tandem, beside) = (shown(row.tandem), number(row.beside));
            writeln!(f, "{what:<64} {tandem:>10} {beside:>10} {ratio:>7}  {:<15} {}", row.bar(), row.verdict())?;
        }
        Ok(())
    }
}

/// Three digits that matter.
fn shown(number: f64) -> String {
    match number.abs() {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// The middle of a sample.
pub(crate) fn median(mut sample: Vec<f64>) -> f64 {
    quantile(&mut sample, 0.5)
}

/// The value that a share of the sample is below.
pub(crate) fn quantile(sample: &mut [f64], share: f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let at = (sample.len() as f64 * share) as usize;
    sample[at.min(sample.len() - 1)]
}
