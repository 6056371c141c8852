//! Which programs of a source run, in which order, and what they return.

use super::expect::Case;

/// One run of a program.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    /// Its function.
    pub program: String,
    /// The first word of its context, for programs that are not run on a packet.
    pub argument: u64,
    /// What it returns.
    pub value: i32,
}

impl Run {
    /// The runs that a program's comments ask for.
    pub fn all(case: &Case) -> Vec<Self> {
        if let Some(list) = case.tag("run") {
            return list
                .split(", ")
                .map(|item| Self::parse(item).unwrap_or_else(|| panic!("{}: {item}", case.name)))
                .collect();
        }
        let value = case.tag("return").and_then(|value| value.parse().ok());
        vec![Self {
            program: only_program(case),
            argument: 0,
            value: value.unwrap_or_else(|| panic!("{} says not what it returns", case.name)),
        }]
    }

    /// Reads `fill(7) 1`, or `sum 7`.
    fn parse(item: &str) -> Option<Self> {
        let (call, value) = item.rsplit_once(' ')?;
        let (program, argument) = match call.split_once('(') {
            Some((program, rest)) => (program, rest.strip_suffix(')')?.parse().ok()?),
            None => (call, 0),
        };
        Some(Self {
            program: program.to_owned(),
            argument,
            value: value.parse().ok()?,
        })
    }
}

/// The name of the function below the first `SEC()` that stands before one.
fn only_program(case: &Case) -> String {
    let mut lines = case.text.lines();
    lines
        .find(|line| line.starts_with("SEC(") && line.ends_with(')'))
        .and_then(|_| lines.next())
        .and_then(|line| line.split_once('('))
        .and_then(|(head, _)| head.rsplit_once([' ', '*']))
        .map(|(_, name)| name.to_owned())
        .unwrap_or_else(|| panic!("{} has no program", case.name))
}
