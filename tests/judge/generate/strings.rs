//! Strings in blocks, tables of strings, and machines that read text.

use super::{Generator, Kit};

/// Texts for literals.
const TEXTS: [&str; 8] = [
    "width=640",
    "the quick brown fox",
    "a,b,,c",
    "42 apples and 7 pears",
    "x",
    "Hello, World",
    "no spaces",
    "1+2*(3-4)",
];

impl Generator {
    fn literal_text(&mut self) -> String {
        format!("\"{}\"", self.random.pick(&TEXTS))
    }

    /// A buffer of characters that is appended to.
    pub fn text(&mut self) {
        self.include("string.h");
        let room = 64;
        self.type_(&format!(
            "struct @text {{\nchar *s;\nint len;\nchar small[{room}];\n}};"
        ));
        let copy = self.random.pick(&[
            "memcpy(t->s + t->len, s, n + 1);",
            "strcpy(t->s + t->len, s);",
            "for (i = 0; i <= n; i++)\nt->s[t->len + i] = s[i];",
        ]);
        let declare = if copy.starts_with("for") {
            "int n = (int)strlen(s), i;"
        } else {
            "int n = (int)strlen(s);"
        };
        self.function(
            "void",
            "@append_text",
            "struct @text *t, const char *s",
            &format!(
                "{declare}\nif (t->len + n >= {room}) {{\nt->len = 0;\nt->s[0] = '\\0';\n}}\nif (n >= {room})\nreturn;\n{copy}\nt->len += n;"
            ),
        );
        let walk = self.random.pick(&[
            "for (; *s; s++)\nh = (h * 33 + (unsigned char)*s) & 0x7fff;",
            "while (*s != '\\0')\nh = (h * 31 + (unsigned char)*s++) & 0x7fff;",
            "int i;\nfor (i = 0; s[i]; i++)\nh = (h ^ (unsigned char)s[i]) & 0x7fff;",
        ]);
        self.function(
            "int",
            "@hash",
            "const char *s",
            &format!("int h = 5;\n{walk}\nreturn h;"),
        );
        self.function(
            "struct @text *",
            "@text_new",
            "void",
            &format!(
                "struct @text *t = malloc(sizeof(*t));\nt->s = malloc({room});\nt->s[0] = 0;\nt->len = 0;\nmemset(t->small, 'a', sizeof(t->small));\nreturn t;"
            ),
        );
        let texts = [
            self.literal_text(),
            self.literal_text(),
            self.literal_text(),
        ];
        let letter = self.random.pick(&["'e'", "' '", "'a'", "','"]);
        self.kits.push(Kit {
            declaration: vec!["struct @text *{h} = @text_new();".into()],
            values: vec![
                ("@hash({h}->s)".into(), 0x7fff),
                ("(int)strlen({h}->s)".into(), 63),
                (format!("(strchr({{h}}->s, {letter}) != NULL)"), 1),
                (format!("(strcmp({{h}}->s, {}) == 0)", texts[2]), 1),
                (format!("@hash({})", texts[1]), 0x7fff),
            ],
            statements: vec![
                (format!("@append_text({{h}}, {});", texts[0]), 60),
                (format!("@append_text({{h}}, {});", texts[1]), 60),
                (format!("if (strcmp({{h}}->s, {}) < 0)\n@append_text({{h}}, \"ab\");", texts[2]), 60),
                ("{h}->small[{e} % 64] = 'b';".into(), 5),
                (
                    "{\nchar *{n} = strdup({h}->s);\nif ({n}) {\n{x} = @hash({n});\nfree({n});\n}\n}".into(),
                    120,
                ),
                (
                    "{\nchar {n}[16] = \"local\";\n{n}[{e} % 5] = 'z';\n{x} = @hash({n});\n}".into(),
                    40,
                ),
                ("{x} = memcmp({h}->small, {h}->small + 32, 32) == 0;".into(), 60),
            ],
            end: vec!["free({h}->s);".into(), "free({h});".into()],
        });
    }

    /// A constant table of strings, and blocks that point to them.
    pub fn string_table(&mut self) {
        self.include("string.h");
        let qualifiers = self.random.pick(&[
            "static const char *const",
            "static const char *",
            "const char *const",
        ]);
        let qualifiers = qualifiers.trim_end();
        self.global(&format!(
            "{qualifiers} @names[] = {{ \"zero\", \"one\", \"two\", \"three\", \"four\" }};"
        ));
        self.type_("struct @tagged {\nconst char *name;\nint weight;\nstruct @tagged *next;\n};");
        let new = self.allocate("t", "struct @tagged", false, "return first;");
        self.function(
            "struct @tagged *",
            "@tag",
            "struct @tagged *first, int number",
            &format!(
                "struct @tagged *t;\n{new}\nt->name = @names[number % (int)(sizeof(@names) / sizeof(@names[0]))];\nt->weight = number;\nt->next = first;\nreturn t;"
            ),
        );
        self.function(
            "int",
            "@count",
            "const struct @tagged *t, const char *name",
            "int n = 0;\nfor (; t; t = t->next)\nif (strcmp(t->name, name) == 0)\nn += t->weight;\nreturn n & 0x7fff;",
        );
        self.function(
            "int",
            "@longest",
            "struct @tagged *t",
            "size_t best = 0;\nwhile (t) {\nif (strlen(t->name) > best)\nbest = strlen(t->name);\nt = t->next;\n}\nreturn (int)best;",
        );
        self.kits.push(Kit {
            declaration: vec!["struct @tagged *{h} = NULL;".into()],
            values: vec![
                ("@count({h}, \"two\")".into(), 0x7fff),
                ("@longest({h})".into(), 15),
                ("({h} ? {h}->name[0] : 0)".into(), 127),
            ],
            statements: vec![
                ("{h} = @tag({h}, {e});".into(), 100),
                (
                    "if ({h} && !strcmp({h}->name, \"one\"))\n{h}->weight = {e};".into(),
                    20,
                ),
                ("if ({h})\n{h}->name = \"other\";".into(), 5),
            ],
            end: vec![
                "while ({h}) {".into(),
                "struct @tagged *t = {h};".into(),
                "{h} = t->next;".into(),
                "free(t);".into(),
                "}".into(),
            ],
        });
    }

    /// A machine with states that reads text.
    pub fn scanner(&mut self) {
        self.type_("enum @state { @START, @WORD, @NUMBER };");
        self.type_("struct @scan {\nint words, numbers;\nint sum;\n};");
        let global = self.random.chance(1, 2);
        if global {
            self.global("static enum @state @at = @START;");
        }
        let (state, declare) = match global {
            true => ("@at", "@at = @START;"),
            false => ("at", "enum @state at = @START;"),
        };
        self.function(
            "void",
            "@read",
            "struct @scan *s, const char *text",
            &format!(
                "int value = 0;\n{declare}\nfor (;; text++) {{\nswitch ({state}) {{\ncase @START:\nif (*text >= '0' && *text <= '9') {{\n{state} = @NUMBER;\nvalue = *text - '0';\n}} else if (*text && *text != ' ') {{\n{state} = @WORD;\n}}\nbreak;\ncase @WORD:\nif (*text == ' ' || !*text) {{\ns->words++;\n{state} = @START;\n}}\nbreak;\ncase @NUMBER:\nif (*text >= '0' && *text <= '9') {{\nvalue = (value * 10 + *text - '0') & 0x3ff;\n}} else {{\ns->numbers++;\ns->sum = (s->sum + value) & 0x3ff;\n{state} = @START;\n}}\nbreak;\n}}\nif (!*text)\nbreak;\n}}"
            ),
        );
        let (first, second) = (self.literal_text(), self.literal_text());
        self.kits.push(Kit {
            declaration: vec!["struct @scan *{h} = calloc(1, sizeof(*{h}));".into()],
            values: vec![
                ("({h}->words & 1023)".into(), 1023),
                ("({h}->numbers * 3 & 1023)".into(), 1023),
                ("{h}->sum".into(), 1023),
            ],
            statements: vec![
                (format!("@read({{h}}, {first});"), 100),
                (format!("@read({{h}}, {second});"), 100),
                ("{x} = {h}->words & 1023;".into(), 3),
            ],
            end: vec!["free({h});".into()],
        });
    }
}
