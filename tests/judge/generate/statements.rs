//! Random statements: assignments, branches, loops of every form, gotos, and what the kits offer.

use super::expressions::fill_hole;
use super::{Generator, Helper, Kit};

/// No function takes more steps than about this many.
const STEPS: u64 = 6_000;

/// The function that is being written.
#[derive(Default)]
pub struct Body {
    pub lines: Vec<String>,
    /// Variables for numbers up to 0x7fff that statements may assign.
    variables: Vec<String>,
    /// Counters of the loops around, and their bounds.
    counters: Vec<(String, i64)>,
    /// What the variables of kits say about themselves.
    pub values: Vec<(String, i64)>,
    statements: Vec<(String, u64)>,
    ends: Vec<String>,
    /// How often what is written now is run, at most.
    times: u64,
    /// Steps taken so far.
    steps: u64,
    names: u64,
    /// What loops are around: whether `continue` still reaches the step.
    loops: Vec<bool>,
    limit: u64,
    pub nesting: u64,
}

impl Body {
    /// A body with so many times the usual room.
    pub fn start(room: u64) -> Self {
        Self {
            times: 1,
            limit: STEPS * room,
            ..Self::default()
        }
    }

    /// Names of variables to read, and their bounds.
    pub fn readable(&self) -> Vec<(String, i64)> {
        let variables = self.variables.iter().map(|name| (name.clone(), 0x7fff));
        variables.chain(self.counters.iter().cloned()).collect()
    }

    /// Whether something that takes so many steps may stand here; counts them if so.
    pub fn affords(&mut self, cost: u64) -> bool {
        let steps = self.steps + cost * self.times;
        let fits = steps <= self.limit;
        if fits {
            self.steps = steps;
        }
        fits
    }

    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    /// Everything given back, and the end.
    pub fn close(&mut self, last: &str) -> String {
        let ends = std::mem::take(&mut self.ends);
        self.lines.extend(ends);
        self.lines.push(last.to_owned());
        self.lines.join("\n")
    }
}

impl Generator {
    /// A function that computes something with kits of its own.
    pub fn work(&mut self, number: u64) {
        let mut kits = self.kits.clone();
        let keep = self.random.range(1, 2) as usize;
        while kits.len() > keep {
            let at = self.random.below(kits.len() as u64) as usize;
            kits.swap_remove(at);
        }
        self.body = Body::start(1);
        self.body.counters.push(("a".into(), 1023));
        self.body.counters.push(("b".into(), 1023));
        let count = self.random.range(3, 7);
        self.random_body(&kits, count);
        let cost = self.body.steps + 10;
        let mut body = self.body.close("return (int)(acc & 0x7fff);");
        if self.random.chance(1, 4) {
            // A counter of the function's own.
            body = format!("static int calls;\n{body}");
            body = body.replacen(
                "return (int)(acc & 0x7fff);",
                "calls++;\nreturn (int)((acc + calls) & 0x7fff);",
                1,
            );
        }
        let name = format!(
            "@{}{number}",
            self.random.pick(&["work", "step", "measure"])
        );
        self.function("int", &name, "int a, int b", &body);
        self.helpers.push(Helper {
            call: format!("{name}({{e}}, {{e}})"),
            bound: 0x7fff,
            cost,
            pure: false,
        });
    }

    /// Functions of numbers alone: what calls are nested from.
    pub fn scalar_helpers(&mut self) {
        for number in 0..self.random.range(0, 3) {
            self.body = Body::start(1);
            self.body.counters.push(("a".into(), 1023));
            self.body.counters.push(("b".into(), 1023));
            let (first, second) = (self.stored(), self.stored());
            let condition = self.condition();
            let body = match self.random.below(4) {
                0 => format!("return {first};"),
                1 => format!("if ({condition})\nreturn {first};\nreturn {second};"),
                2 => format!(
                    "int r = {first};\nif ({condition})\nr = {second};\nelse\nr = r >> 1;\nreturn r;"
                ),
                _ => {
                    let (n, m) = (self.random.range(2, 9), self.random.range(2, 7));
                    format!(
                        "switch (a % {n}) {{\ncase 0:\nreturn {first};\ncase 1:\nb += {m};\nbreak;\ndefault:\nb ^= a;\n}}\nreturn b & 0x7fff;"
                    )
                }
            };
            let cost = 10 + self.body.steps;
            let name = format!("@mix{number}");
            self.function("int", &name, "int a, int b", &body);
            self.helpers.push(Helper {
                call: format!("{name}({{e}}, {{e}})"),
                bound: 0x7fff,
                cost,
                pure: true,
            });
        }
        if self.random.chance(1, 3) {
            self.macro_("@MAX(a, b) ((a) > (b) ? (a) : (b))");
            self.helpers.push(Helper {
                call: "@MAX({e}, {e})".into(),
                bound: 1023,
                cost: 4,
                pure: true,
            });
        }
    }

    /// Declarations, a variable of each kit, and so many statements.
    pub fn random_body(&mut self, kits: &[Kit], count: u64) {
        self.body.line("unsigned acc = 17;");
        for name in ["x", "y", "z"] {
            if name == "x" || self.random.chance(2, 3) {
                let n = self.random.below(50);
                self.body.line(format!("int {name} = {n};"));
                self.body.variables.push(name.into());
            }
        }
        for kit in kits {
            let name = self.body.name(self.random.pick(&["h", "q", "data"]));
            let fill = |template: &String| template.replace("{h}", &name);
            self.body.lines.extend(kit.declaration.iter().map(fill));
            let values = kit.values.iter().map(|(text, high)| (fill(text), *high));
            self.body.values.extend(values);
            let statements = kit.statements.iter().map(|(text, n)| (fill(text), *n));
            self.body.statements.extend(statements);
            self.body.ends.extend(kit.end.iter().map(fill));
        }
        for name in self.body.variables.clone() {
            self.body.line(format!("(void){name};"));
        }
        for _ in 0..count {
            self.statement(3);
        }
        for (value, _) in self.body.values.clone() {
            let value = self.fill(&value);
            self.body
                .line(format!("acc = acc * 31 + (unsigned)({value});"));
        }
        for name in self.body.variables.clone() {
            self.body
                .line(format!("acc = acc * 17 + (unsigned){name};"));
        }
    }

    /// Fills the holes of a statement.
    fn fill(&mut self, template: &str) -> String {
        let mut text = self.tagged(template);
        while let Some(at) = text.find("{e}") {
            let value = self.argument();
            fill_hole(&mut text, at, &value);
        }
        while let Some(at) = text.find("{x}") {
            let index = self.random.below(self.body.variables.len() as u64) as usize;
            let name = self.body.variables[index].clone();
            text.replace_range(at..at + 3, &name);
        }
        if text.contains("{r}") {
            // The same variable each time.
            let index = self.random.below(self.body.variables.len() as u64) as usize;
            text = text.replace("{r}", &self.body.variables[index].clone());
        }
        while let Some(at) = text.find("{n}") {
            let name = self.body.name("n");
            // All of one template name the same thing.
            text = format!("{}{name}{}", &text[..at], &text[at + 3..]).replace("{n}", &name);
        }
        text
    }

    /// Appends a statement, nested up to `depth` deep.
    fn statement(&mut self, depth: u64) {
        if !self.body.affords(10) {
            return;
        }
        match self.random.below(20) {
            0..=5 => self.operation(),
            6..=8 => self.assignment(),
            9 => self.mix(),
            10 => self.call(),
            _ if depth == 0 => self.operation(),
            11..=12 => self.branch(depth),
            13 => self.switch(depth),
            _ => self.repeat(depth),
        }
    }

    fn block(&mut self, depth: u64) {
        for _ in 0..self.random.range(1, 3) {
            self.statement(depth - 1);
        }
    }

    fn operation(&mut self) {
        let statements = self.body.statements.clone();
        if statements.is_empty() {
            return self.assignment();
        }
        let at = self.random.below(statements.len() as u64) as usize;
        let (template, cost) = statements[at].clone();
        if !self.body.affords(cost) {
            return self.mix();
        }
        let text = self.fill(&template);
        for line in text.lines() {
            self.body.line(line);
        }
    }

    fn assignment(&mut self) {
        let value = self.stored();
        let text = match self.random.below(5) {
            0 => format!("{{x}} ^= {};", value),
            1 => format!("{{x}} = ({{x}} + ({value})) & 0x7fff;"),
            _ => format!("{{x}} = {value};"),
        };
        let text = self.fill(&text);
        self.body.line(text);
    }

    fn mix(&mut self) {
        let value = self.stored();
        let operator = self.random.pick(&["* 31 +", "* 5 ^", "+"]);
        self.body
            .line(format!("acc = acc {operator} (unsigned)({value});"));
    }

    fn call(&mut self) {
        let helpers = self.helpers.clone();
        if helpers.is_empty() {
            return self.assignment();
        }
        let helper = &helpers[self.random.below(helpers.len() as u64) as usize];
        if !self.body.affords(helper.cost) {
            return self.mix();
        }
        let text = self.fill(&format!("{{x}} = {};", helper.call));
        self.body.line(text);
    }

    fn branch(&mut self, depth: u64) {
        let condition = self.condition();
        self.body.line(format!("if ({condition}) {{"));
        self.block(depth);
        while self.random.chance(1, 5) {
            let condition = self.condition();
            self.body.line(format!("}} else if ({condition}) {{"));
            self.block(depth);
        }
        if self.random.chance(1, 2) {
            self.body.line("} else {");
            self.block(depth);
        }
        self.body.line("}");
    }

    fn switch(&mut self, depth: u64) {
        let value = self.argument();
        let count = self.random.range(2, 5);
        self.body.line(format!("switch (({value}) & 7) {{"));
        // A break or continue in a case would mean something else.
        let loops = std::mem::take(&mut self.body.loops);
        for case in 0..count {
            self.body.line(format!("case {case}:"));
            self.block(depth);
            match self.random.chance(1, 5) && case + 1 < count {
                true => self.body.line("/* fall through */"),
                false => self.body.line("break;"),
            }
        }
        self.body.line("default:");
        self.mix();
        self.body.line("}");
        self.body.loops = loops;
    }

    /// A loop with a counter, in one of the forms that people write.
    fn repeat(&mut self, depth: u64) {
        let rounds = match self.random.below(6) {
            0 => self.random.range(7, 24),
            _ => self.random.range(2, 6),
        };
        if self.body.steps + self.body.times * rounds * 40 > self.body.limit {
            return self.operation();
        }
        let i = self.body.name("i");
        let n = rounds as i64;
        let form = self.random.below(11);
        let (head, tail, bound): (Vec<String>, Vec<String>, i64) = match form {
            0..=2 => (
                vec![format!("for (int {i} = 0; {i} < {n}; {i}++) {{")],
                vec!["}".into()],
                n,
            ),
            3 => (
                vec![format!("for (int {i} = {}; {i} >= 0; {i}--) {{", n - 1)],
                vec!["}".into()],
                n,
            ),
            4 => (
                vec![format!("for (int {i} = {}; {i} > -1; --{i}) {{", n - 1)],
                vec!["}".into()],
                n,
            ),
            5 => (
                vec![
                    format!("unsigned {i};"),
                    format!("for ({i} = {n}; {i}--; ) {{"),
                ],
                vec!["}".into()],
                n,
            ),
            6 => (
                vec![
                    format!("int {i} = {n};"),
                    format!("while ({i} > 0) {{"),
                    format!("{i}--;"),
                ],
                vec!["}".into()],
                n,
            ),
            7 => (
                vec![format!("int {i} = 0;"), "do {".into()],
                vec![format!("}} while (++{i} < {n});")],
                n,
            ),
            8 => (
                vec![format!("int {i} = 0;"), format!("{i}_again:")],
                vec![format!("if (++{i} < {n})"), format!("goto {i}_again;")],
                n,
            ),
            9 => (
                vec![
                    format!("int {i} = 0;"),
                    "for (;;) {".into(),
                    format!("if ({i}++ >= {n})"),
                    "break;".into(),
                ],
                vec!["}".into()],
                n,
            ),
            _ => (
                vec![format!(
                    "for (int {i} = 1; {i} < {}; {i} += {i}) {{",
                    1 << n.min(7)
                )],
                vec!["}".into()],
                128,
            ),
        };
        // A `goto` must not jump into the life of a variable whose size is not known, and none has
        // one here; but the counter of such a loop needs a block of its own.
        let own_block = matches!(form, 5..=9);
        if own_block {
            self.body.line("{");
        }
        self.body.lines.extend(head);
        let times = self.body.times;
        self.body.times *= rounds;
        self.body.counters.push((i.clone(), bound));
        self.body.loops.push(!matches!(form, 8));
        self.block(depth);
        let jumps = self.body.loops.last() == Some(&true);
        if jumps && self.random.chance(1, 4) {
            let condition = self.condition();
            let word = self.random.pick(&["break", "continue"]);
            self.body.line(format!("if ({condition})"));
            self.body.line(format!("{word};"));
            self.mix();
        }
        let leaves = self.body.loops.len() >= 2 && self.random.chance(1, 6);
        let label = format!("{i}_done");
        if leaves {
            let condition = self.condition();
            self.body.line(format!("if ({condition})"));
            self.body.line(format!("goto {label};"));
        }
        self.body.loops.pop();
        self.body.counters.pop();
        self.body.times = times;
        self.body.lines.extend(tail);
        if leaves {
            self.body.line(format!("{label}:"));
            self.body.line("acc++;");
        }
        if own_block {
            self.body.line("}");
        }
    }
}
