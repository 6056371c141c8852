//! How the text of a program looks.

use super::words::Random;

/// Where braces stand, and what lines begin with.
pub struct Style {
    indent: &'static str,
    braces_on_their_own_line: bool,
    pub return_type_on_its_own_line: bool,
}

impl Style {
    pub fn random(random: &mut Random) -> Self {
        Self {
            indent: random.pick(&["\t", "\t", "    ", "  "]),
            braces_on_their_own_line: random.chance(1, 4),
            return_type_on_its_own_line: random.chance(1, 6),
        }
    }

    /// The lines of a function's body: those of a block, and what follows a condition without
    /// braces, begin deeper.
    pub fn lay_out(&self, body: &str) -> String {
        let mut text = String::new();
        let mut depth = 1_usize;
        let mut hanging = 0_usize;
        for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.starts_with('}') {
                depth = depth.saturating_sub(1);
            }
            let label = line.ends_with(':') && !line.starts_with("case ") && line != "default:";
            let case = line.starts_with("case ") || line.starts_with("default:");
            let at = match (label, case) {
                (true, _) => 0,
                (_, true) => depth - 1,
                _ => depth + hanging,
            };
            let blank = |at: usize| self.indent.repeat(at);
            match line.strip_suffix(" {") {
                Some(head) if self.braces_on_their_own_line => {
                    match head.strip_prefix("} ") {
                        Some(rest) => {
                            text.push_str(&format!("{}}}\n{}{rest}\n", blank(at), blank(at)));
                        }
                        None => text.push_str(&format!("{}{head}\n", blank(at))),
                    }
                    text.push_str(&format!("{}{{\n", blank(at)));
                }
                _ => text.push_str(&format!("{}{line}\n", blank(at))),
            }
            if line.ends_with('{') {
                depth += 1;
                hanging = 0;
            } else if hangs(line) {
                hanging += 1;
            } else if !label && !case {
                hanging = 0;
            }
        }
        text
    }

    /// A type: its members one level deeper.
    pub fn lay_out_type(&self, item: &str) -> String {
        let lines = item.lines().map(str::trim);
        let lines = lines.map(
            |line| match line.starts_with("struct") && line.ends_with('{') {
                true => line.to_owned(),
                false if line.starts_with('}') || !item.contains('\n') => line.to_owned(),
                false if line.starts_with("typedef") || line.starts_with("enum") => line.to_owned(),
                false => format!("{}{line}", self.indent),
            },
        );
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Whether the statement of this condition follows on the next line, without braces.
fn hangs(line: &str) -> bool {
    let control = ["if (", "for (", "while (", "else if ("]
        .iter()
        .any(|word| line.starts_with(word));
    (control && line.ends_with(')')) || line == "else" || line == "do"
}
