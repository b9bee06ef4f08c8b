//! `yaoki admin list`: what there is, a page at a time, by ascending number.

use clap::{Args, ValueEnum};
use serde_json::Value;
use yaoki_server::admin::Order;

use crate::say;

#[derive(Debug, Args)]
pub(super) struct List {
    /// Of what
    what: Listed,
    /// Those after this one: an identifier or a number; from the first when not given
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// The most of them, from 1 to 200
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=200))]
    limit: i64,
}

/// What can be listed; its names are the server's.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Listed {
    /// Who is paid
    Merchants,
    /// Where it is paid
    Stores,
    /// Registers, whether they are suspended, and the generation of their key
    Terminals,
    /// Members with state and balance
    Members,
    /// Members' devices, and whether they were ended
    Devices,
    /// Closed switches, as `yaoki admin switches`; counted from 1
    Switches,
    /// Merchants' webhook endpoints, and which are failing
    Webhooks,
    /// Who works at the console, with which roles
    Operators,
}

impl Listed {
    const fn server(self) -> &'static str {
        match self {
            Self::Merchants => "merchants",
            Self::Stores => "stores",
            Self::Terminals => "terminals",
            Self::Members => "members",
            Self::Devices => "devices",
            Self::Switches => "switches",
            Self::Webhooks => "webhooks",
            Self::Operators => "operators",
        }
    }
}

impl List {
    /// The order that this is.
    pub(super) fn order(&self) -> Order {
        Order::List {
            what: self.what.server().to_owned(),
            after: self.after.clone(),
            limit: Some(self.limit),
        }
    }
}

/// Prints a page as a table, a line each, and how to go on.
pub(super) fn say_page(reply: &Value) {
    let listed = reply["listed"].as_str().unwrap_or_default();
    let rows = reply[listed].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(first) = rows.first().and_then(Value::as_object) else {
        return say::line(format_args!("No {listed}."));
    };
    let mut names: Vec<&String> = first.keys().collect();
    names.sort_by_key(|name| place_of(name, listed));
    let mut lines = vec![names.iter().map(|name| (*name).clone()).collect::<Vec<String>>()];
    lines.extend(rows.iter().map(|row| names.iter().map(|name| text(&row[*name])).collect()));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..names.len()).map(|column| width(column).unwrap_or(0)).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        say::line(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    if let Some(next) = reply["next"].as_str() {
        say::line(format_args!("There are more: --after {next}"));
    }
}

/// What is listed comes first, texts of any length last.
fn place_of(name: &str, listed: &str) -> u8 {
    match name {
        name if listed.strip_suffix('s') == Some(name) => 0,
        "number" | "capability" => 1,
        "name" | "reason" | "url" => 3,
        _ => 2,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_the_server_lists_can_be_listed() {
        let here: Vec<_> = Listed::value_variants().iter().map(|what| what.server()).collect();
        assert_eq!(here, yaoki_server::admin::LISTED);
    }
}
