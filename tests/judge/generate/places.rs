//! Variables of functions whose addresses meet the heap: points, segments, cursors and numbers, with
//! first values of every form.

use super::{Generator, Kit};

impl Generator {
    /// Segments between points, in lists and on the stack.
    pub fn places(&mut self) {
        self.include("string.h");
        self.type_("struct @point {\nint x;\nint y;\n};");
        self.type_(
            "struct @segment {\nstruct @point from, to;\nstruct @segment *next;\nconst char *name;\nint weight;\nunion {\nint whole;\nunsigned char parts[4];\n} u;\n};",
        );
        self.place_functions();
        let statements = (0..6).map(|_| (self.place_block(), 3_000)).collect();
        self.kits.push(Kit {
            declaration: vec!["struct @segment *{h} = NULL;".into()],
            values: vec![
                ("@segment_weight({h})".into(), 0x7fff),
                ("({h} ? {h}->to.y & 1023 : 9)".into(), 1023),
            ],
            statements,
            end: vec![
                "while ({h}) {".into(),
                "struct @segment *t = {h};".into(),
                "{h} = t->next;".into(),
                "free(t);".into(),
                "}".into(),
            ],
        });
    }

    fn place_functions(&mut self) {
        self.function(
            "int",
            "@segment_weight",
            "const struct @segment *s",
            "int sum = 0;\nfor (; s; s = s->next) {\nsum = (sum * 3 + s->from.x + s->from.y * 2 + s->to.x * 5 + s->to.y * 7 + s->weight + s->u.parts[0]) & 0x7fff;\nif (s->name)\nsum = (sum + (unsigned char)s->name[0]) & 0x7fff;\n}\nreturn sum;",
        );
        let new = self.allocate("s", "struct @segment", false, "return next;");
        self.function(
            "struct @segment *",
            "@segment_new",
            "struct @segment *next, int weight",
            &format!(
                "struct @segment *s;\n{new}\nmemset(s, 0, sizeof(*s));\ns->weight = weight;\ns->to.y = weight >> 1;\ns->next = next;\nreturn s;"
            ),
        );
        // BPF returns no structure, but in functions that become part of their callers.
        match self.split {
            true => self.macro_("@point_of(v) ((struct @point){ (v) & 1023, 3 })"),
            false => self.function(
                "struct @point",
                "@point_of",
                "int x",
                "struct @point p = { x & 1023, 3 };\nreturn p;",
            ),
        }
        self.function(
            "void",
            "@point_shift",
            "struct @point *p, int by",
            "int x = p->x;\np->x = (p->y + by) & 1023;\np->y = (x + 1) & 1023;",
        );
        let read = self.random.pick(&[
            "int v = 0;\nwhile (**t >= '0' && **t <= '9') {\nv = (v * 10 + **t - '0') & 1023;\n(*t)++;\n}\nif (**t)\n++*t;\nreturn v;",
            "const char *s = *t;\nint v = 0;\nfor (; *s >= '0' && *s <= '9'; s++)\nv = (v * 10 + *s - '0') & 1023;\n*t = *s ? s + 1 : s;\nreturn v;",
        ]);
        self.function("int", "@number_read", "const char **t", read);
        self.function(
            "void",
            "@segment_forward",
            "struct @segment **at",
            "if (*at && (*at)->next)\n*at = (*at)->next;",
        );
        self.function(
            "int",
            "@numbers_total",
            "const int *list, int count",
            "int i, sum = 0;\nfor (i = 0; i < count; i++)\nsum = (sum * 2 + list[i]) & 0x7fff;\nreturn sum;",
        );
        self.function(
            "void",
            "@number_add",
            "int *n, int by",
            "*n = (*n + by) & 1023;",
        );
    }

    fn small(&mut self) -> String {
        match self.random.below(3) {
            0 => "0".into(),
            _ => self.random.range(1, 99).to_string(),
        }
    }

    /// A first value of a point; `other` is a point that there is, if there is one.
    fn point_value(&mut self, other: Option<&str>) -> String {
        let (a, b) = (self.small(), self.small());
        match (self.random.below(9), other) {
            (0, Some(other)) => other.to_owned(),
            (0 | 1, _) => format!("{{ {a}, {b} }}"),
            (2, _) => format!("{{ .y = {a} }}"),
            (3, _) => format!("{{ .x = {a}, .y = 2, .x = {b} }}"),
            (4, _) => format!("@point_of({a})"),
            (5, _) => format!("(struct @point){{ {a}, {b} }}"),
            (6, _) => "{ 0 }".into(),
            (7, _) => format!("{{ {a} }}"),
            (_, Some(other)) => format!("{{ {other}.y, {a} }}"),
            (_, None) => format!("{{ .y = {b}, .x = {a} }}"),
        }
    }

    /// A first value of a segment, with points that there are.
    fn segment_value(&mut self, points: &[String]) -> String {
        let mut parts = Vec::new();
        for member in ["from", "to"] {
            let other = points.last().map(String::as_str);
            match self.random.below(4) {
                0 => {}
                1 => {
                    let (axis, value) = (self.random.pick(&["x", "y"]), self.small());
                    parts.push(format!(".{member}.{axis} = {value}"));
                }
                _ => {
                    let value = self.point_value(other);
                    parts.push(format!(".{member} = {value}"));
                }
            }
        }
        match self.random.below(4) {
            0 => {
                let value = self.small();
                parts.push(format!(".weight = {value}"));
            }
            1 => parts.push(".weight = {e}".into()),
            _ => {}
        }
        match self.random.below(5) {
            0 => parts.push(".u.parts[0] = 7".into()),
            1 => parts.push(".u = { 0 }".into()),
            2 => parts.push(".u = { .parts = { 9 } }".into()),
            _ => {}
        }
        if self.random.chance(1, 2) {
            parts.push(".next = {h}".into());
        }
        if self.random.chance(1, 3) {
            let name = self.random.pick(&["\"north\"", "NULL", "\"south\""]);
            parts.push(format!(".name = {name}"));
        }
        // Whether an effect of what is taken back happens, C leaves open.
        if !parts.iter().any(|part| part.contains("{e}")) && self.random.chance(1, 5) {
            let value = self.small();
            parts.push(format!(".weight = {value}"));
        }
        if parts.is_empty() {
            return "{ 0 }".into();
        }
        match self.random.chance(1, 6) {
            true => format!("(struct @segment){{ {} }}", parts.join(", ")),
            false => format!("{{ {} }}", parts.join(", ")),
        }
    }

    /// A block with variables, what changes them through their addresses, and what they come to.
    fn place_block(&mut self) -> String {
        let (mut lines, mut uses, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut points: Vec<String> = Vec::new();
        for name in ["{n}a", "{n}b"] {
            if self.random.chance(1, 2) {
                let value = self.point_value(points.last().map(String::as_str));
                lines.push(format!("struct @point {name} = {value};"));
                let by = self.small();
                uses.push(format!("@point_shift(&{name}, {by});"));
                sums.push(format!("{name}.x * 3 + {name}.y"));
                points.push(name.to_owned());
            }
        }
        if self.random.chance(2, 3) {
            let value = self.segment_value(&points);
            let pointer = match self.random.below(3) {
                0 => ", *{n}p = &{n}s",
                1 => ";\nstruct @segment *{n}p = {h} ? {h} : &{n}s",
                _ => ";\nstruct @segment *{n}p = &{n}s, **{n}q = &{n}p",
            };
            lines.push(format!("struct @segment {{n}}s = {value}{pointer};"));
            if pointer.contains("{n}q") {
                uses.push("@segment_forward({n}q);".into());
            }
            uses.push("@point_shift(&{n}p->to, 2);".into());
            if self.random.chance(1, 2) {
                uses.push("@segment_forward(&{n}p);".into());
            }
            uses.push("{n}p->weight = ({n}p->weight + 5) & 1023;".into());
            sums.push("@segment_weight(&{n}s)".into());
            if self.random.chance(1, 2) {
                let values = [self.segment_value(&points), self.segment_value(&points)];
                let third = self.random.pick(&["{n}s", "*{n}p", "{ .weight = 4 }"]);
                lines.push(format!(
                    "struct @segment {{n}}l[3] = {{ {}, {third}, {} }};",
                    values[0],
                    values[1].replace("{e}", "8")
                ));
                uses.push("{n}l[0].next = &{n}l[2];".into());
                uses.push("{n}l[2].next = {n}l[1].next = NULL;".into());
                sums.push("@segment_weight({n}l)".into());
            }
        }
        if self.random.chance(1, 2) {
            let text = self.random.pick(&["\"12+30\"", "(\"7,8\")", "\"100\""]);
            match self.random.chance(1, 2) {
                true => lines.push(format!("const char *{{n}}t = {text};")),
                false => {
                    lines.push(format!("char {{n}}c[8] = {text};").replace(['(', ')'], ""));
                    lines.push("const char *{n}t = {n}c;".into());
                }
            }
            uses.push("{x} = @number_read(&{n}t);".into());
            sums.push("@number_read(&{n}t)".into());
        }
        if self.random.chance(1, 2) {
            let [a, b] = [self.small(), self.small()];
            let value = match self.random.below(4) {
                0 => format!("{{ {a}, [3] = {b} }}"),
                1 => format!("{{ [1] = {a}, 6, [1] = {b} }}"),
                2 => "{ 0 }".into(),
                _ => format!("{{ {a}, {b}, 1 }}"),
            };
            lines.push(format!(
                "int {{n}}i[4] = {value}, {{n}}k = {a}, *{{n}}r = &{{n}}k;"
            ));
            if self.random.chance(1, 2) {
                uses.push("if ({h})\n{n}r = &{h}->weight;".into());
            }
            uses.push("@number_add({n}r, 3);".into());
            uses.push("@number_add(&{n}i[2], {n}k);".into());
            sums.push("@numbers_total({n}i, 4) + {n}k".into());
        }
        if self.random.chance(1, 2) {
            uses.push("{h} = @segment_new({h}, {e});".into());
        }
        let sum = match sums.is_empty() {
            true => "1".to_owned(),
            false => {
                // One call in an expression that changes something.
                lines.push("int {n}m = 0;".into());
                uses.extend(
                    sums.iter()
                        .map(|s| format!("{{n}}m = ({{n}}m + {s}) & 0x7fff;")),
                );
                "{n}m".to_owned()
            }
        };
        format!(
            "{{\n{}\n{}\n{{x}} = {sum};\n}}",
            lines.join("\n"),
            uses.join("\n")
        )
    }
}
