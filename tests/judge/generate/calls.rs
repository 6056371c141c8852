//! Function pointers, out-parameters, K&R functions, structures whose address is taken.

use super::{Generator, Helper, Kit};

impl Generator {
    /// Operations in a table, or in a block, called through pointers.
    pub fn operations(&mut self) {
        self.type_("typedef int (*@op)(int, int);");
        for (name, body) in [
            ("@plus", "return (a + b) & 0x3ff;"),
            ("@less", "return a > b ? a - b : b - a;"),
            ("@both", "return a & b;"),
        ] {
            // What a table names has to be declared before it; the definition stands later.
            let linkage = if self.split { "" } else { "static " };
            if self.split {
                self.type_(&format!("int {name}(int a, int b);"));
            }
            let text = format!("{linkage}int {name}(int a, int b)\n{{\n\t{body}\n}}\n");
            let text = self.tagged(&text);
            self.globals.push((self.file, text));
        }
        let in_block = self.random.chance(1, 2);
        if in_block {
            self.type_("struct @machine {\n@op op;\nint state;\nstruct @machine *next;\n};");
            self.function(
                "struct @machine *",
                "@machine_new",
                "int kind, struct @machine *next",
                "struct @machine *m = malloc(sizeof(*m));\nm->op = kind == 0 ? @plus : kind == 1 ? @less : @both;\nm->state = kind;\nm->next = next;\nreturn m;",
            );
            self.function(
                "int",
                "@feed",
                "struct @machine *m, int v",
                "for (; m; m = m->next) {\nm->state = m->op(m->state, v);\nv = m->state;\n}\nreturn v & 0x3ff;",
            );
            self.kits.push(Kit {
                declaration: vec![
                    "struct @machine *{h} = @machine_new(0, @machine_new(1, NULL));".into(),
                ],
                values: vec![("{h}->state".into(), 1023)],
                statements: vec![
                    ("{x} = @feed({h}, {e});".into(), 40),
                    ("{h}->op = {x} & 1 ? @both : @plus;".into(), 4),
                    ("if ({h}->op)\n{h}->state = {h}->op({e}, {e});".into(), 8),
                    ("{h} = @machine_new({e} % 3, {h});".into(), 100),
                ],
                end: vec![
                    "while ({h}) {".into(),
                    "struct @machine *m = {h}->next;".into(),
                    "free({h});".into(),
                    "{h} = m;".into(),
                    "}".into(),
                ],
            });
            return;
        }
        let const_ = self.random.pick(&["const ", ""]);
        self.global(&format!(
            "static {const_}@op @table_of_ops[3] = {{ @plus, @less, @both }};"
        ));
        self.function(
            "int",
            "@apply",
            "int which, int a, int b",
            "return @table_of_ops[which % 3](a, b);",
        );
        self.helpers.push(Helper {
            call: "@apply({e}, {e}, {e})".into(),
            bound: 1023,
            cost: 8,
            pure: true,
        });
        self.kits.push(Kit::default());
    }

    /// A sort and a search that are told how to compare.
    pub fn comparator(&mut self) {
        self.type_("struct @pair {\nint a, b;\n};");
        self.function(
            "int",
            "@by_a",
            "const void *x, const void *y",
            "const struct @pair *p = x, *q = y;\nreturn p->a - q->a;",
        );
        self.function(
            "int",
            "@by_b",
            "const void *x, const void *y",
            "return ((const struct @pair *)y)->b - ((const struct @pair *)x)->b;",
        );
        self.function(
            "void",
            "@order",
            "struct @pair *p, int n, int (*compare)(const void *, const void *)",
            "int i, j;\nfor (i = 1; i < n; i++)\nfor (j = i; j > 0 && compare(&p[j - 1], &p[j]) > 0; j--) {\nstruct @pair t = p[j];\np[j] = p[j - 1];\np[j - 1] = t;\n}",
        );
        let n = self.random.range(3, 9);
        self.function(
            "struct @pair *",
            "@pairs",
            "int bias",
            &format!(
                "struct @pair *p = malloc({n} * sizeof(struct @pair));\nint i;\nfor (i = 0; i < {n}; i++) {{\np[i].a = (i * 37 + bias) & 255;\np[i].b = (i * 11 ^ bias) & 255;\n}}\nreturn p;"
            ),
        );
        self.kits.push(Kit {
            declaration: vec!["struct @pair *{h} = @pairs(3);".into()],
            values: vec![
                (format!("{{h}}[{{e}} % {n}].a"), 1023),
                (format!("{{h}}[{{e}} % {n}].b"), 1023),
            ],
            statements: vec![
                (format!("@order({{h}}, {n}, @by_a);"), 200),
                (format!("@order({{h}}, {n}, @by_b);"), 200),
                (format!("{{h}}[{{e}} % {n}].a = {{e}};"), 5),
                (format!("{{h}}[{{e}} % {n}] = {{h}}[0];"), 5),
            ],
            end: vec!["free({h});".into()],
        });
    }

    /// A record that a function makes through an out-parameter; several blocks, one exit.
    pub fn record(&mut self) {
        self.type_("struct @record {\nint id;\nint *values;\nunsigned count : 8;\n};");
        let body = match self.random.below(3) {
            0 => {
                "struct @record *r = malloc(sizeof(*r));\nint i;\nif (!r)\nreturn -1;\nr->values = calloc(4, sizeof(int));\nif (!r->values) {\nfree(r);\nreturn -1;\n}\nr->id = id;\nr->count = 4;\nfor (i = 0; i < 4; i++)\nr->values[i] = id + i;\n*out = r;\nreturn 0;"
            }
            1 => {
                "struct @record *r;\nint i, err = -1;\n*out = NULL;\nr = malloc(sizeof(struct @record));\nif (r == NULL)\ngoto out;\nr->values = malloc(4 * sizeof(*r->values));\nif (r->values == NULL)\ngoto out_free;\nr->id = id;\nr->count = 4;\nfor (i = 3; i >= 0; i--)\nr->values[i] = id + i;\n*out = r;\nerr = 0;\ngoto out;\nout_free:\nfree(r);\nout:\nreturn err;"
            }
            _ => {
                "int i;\n*out = calloc(1, sizeof(**out));\n(*out)->id = id;\n(*out)->values = malloc(sizeof(int) * 4);\n(*out)->count = 4;\nfor (i = 0; i < (int)(*out)->count; i++)\n(*out)->values[i] = id + i;\nreturn 0;"
            }
        };
        self.function("int", "@make", "struct @record **out, int id", body);
        self.function(
            "void",
            "@destroy",
            "struct @record *r",
            "if (!r)\nreturn;\nfree(r->values);\nfree(r);",
        );
        let made = self.random.pick(&[
            "if (@make(&{n}, {e}) == 0) {\n{x} = {n}->values[{x} & 3];\n@destroy({n});\n}",
            "@make(&{n}, {e});\n{x} = {n}->values[1] & 0x7fff;\n@destroy({n});",
            "int {n}r = @make(&{n}, {e});\nif ({n}r)\n{x} = 1;\nelse\n{x} = {n}->id;\n@destroy({n});",
        ]);
        self.kits.push(Kit {
            declaration: vec![
                "struct @record *{h} = NULL;".into(),
                "if (@make(&{h}, 9))".into(),
                "return 1;".into(),
            ],
            values: vec![
                ("{h}->values[{e} & 3]".into(), 2047),
                ("(int){h}->count".into(), 255),
            ],
            statements: vec![
                (
                    format!("{{\nstruct @record *{{n}} = NULL;\n{made}\n}}"),
                    200,
                ),
                ("{h}->values[{e} & 3] = {e};".into(), 5),
                ("{h}->id = {x};".into(), 2),
            ],
            end: vec!["@destroy({h});".into()],
        });
    }

    /// A function in the style of 1978 over a block.
    pub fn old_sum(&mut self) {
        if self.has_old_sum {
            return;
        }
        self.has_old_sum = true;
        let implicit = self.random.chance(1, 2);
        let type_ = if implicit { "" } else { "int " };
        let text = self.tagged(&format!(
            "{type_}@old_sum(a, n)\n\tint *a, n;\n{{\n\tint i, s;\n\n\tfor (s = i = 0; i < n; i++)\n\t\ts = (s + a[i]) & 0x7fff;\n\treturn s;\n}}\n"
        ));
        let prototype = self.tagged("int @old_sum(int *a, int n);");
        self.functions.push(super::Function {
            file: self.file,
            prototype: (self.file == 1 || !implicit).then_some(prototype),
            text,
        });
        let n = self.random.range(3, 12);
        self.kits.push(Kit {
            declaration: vec![format!("int *{{h}} = calloc({n}, sizeof(int));")],
            values: vec![
                (format!("@old_sum({{h}}, {n})"), 0x7fff),
                (format!("{{h}}[{{e}} % {n}]"), 1023),
            ],
            statements: vec![
                (format!("{{h}}[{{e}} % {n}] = {{e}};"), 5),
                (format!("*({{h}} + {{e}} % {n}) = {{e}};"), 5),
                (
                    format!("for (int *{{n}} = {{h}}; {{n}} < {{h}} + {n}; {{n}}++)\n*{{n}} = (*{{n}} + 3) & 1023;"),
                    40,
                ),
                (
                    format!("{{\nint {{n}}[{n}] = {{ 1, 2, 3 }};\n{{n}}[{{e}} % {n}] = {{e}};\n{{x}} = @old_sum({{n}}, {n});\n}}"),
                    40,
                ),
            ],
            end: vec!["free({h});".into()],
        });
    }

    /// A local structure that points into blocks and whose address functions take.
    pub fn accumulator(&mut self) {
        self.type_("struct @bag {\nint *items;\nint count;\nint min, max;\n};");
        self.function(
            "void",
            "@bag_init",
            "struct @bag *b, int *items",
            "b->items = items;\nb->count = 0;\nb->min = 1023;\nb->max = 0;",
        );
        self.function(
            "void",
            "@bag_add",
            "struct @bag *b, int v",
            "if (b->count < 16)\nb->items[b->count++] = v;\nif (v < b->min)\nb->min = v;\nif (v > b->max)\nb->max = v;",
        );
        self.function(
            "void",
            "@spread",
            "const struct @bag *b, int *low, int *high",
            "*low = b->min;\n*high = b->max;",
        );
        self.kits.push(Kit {
            declaration: vec![
                "struct @bag {h};".into(),
                "@bag_init(&{h}, malloc(16 * sizeof(int)));".into(),
            ],
            values: vec![
                ("{h}.max".into(), 1023),
                ("({h}.count ? {h}.items[{e} % {h}.count] : 1)".into(), 1023),
            ],
            statements: vec![
                ("@bag_add(&{h}, {e});".into(), 20),
                (
                    "{\nint {n}low, {n}high;\n@spread(&{h}, &{n}low, &{n}high);\n{x} = ({n}low + {n}high) & 0x7fff;\n}".into(),
                    10,
                ),
                ("for (int {n} = 0; {n} < {h}.count; {n}++)\n{x} ^= {h}.items[{n}];".into(), 40),
            ],
            end: vec!["free({h}.items);".into()],
        });
    }

    /// Counters of the whole program, and of a function; a ternary chooses the block.
    pub fn counters(&mut self) {
        self.shared("int", "@flag", "", true);
        self.shared("unsigned char", "@seen[32]", "", true);
        self.function(
            "int",
            "@note",
            "int v",
            "static int last;\nint before = last;\nif (!@flag)\n@flag = 1;\n@seen[v & 31] |= 1;\nlast = v & 1023;\nreturn before;",
        );
        self.function(
            "int",
            "@choose",
            "int v",
            "int *p = v & 1 ? malloc(2 * sizeof(int)) : calloc(2, sizeof(int));\nint r;\np[0] = v;\np[1] = @flag;\nr = (p[0] + p[1]) & 0x7fff;\nfree(p);\nreturn r;",
        );
        self.kits.push(Kit {
            declaration: Vec::new(),
            values: vec![("@seen[{e} & 31]".into(), 1), ("@flag".into(), 1)],
            statements: vec![
                ("{x} = @note({e});".into(), 10),
                ("{x} = @choose({e});".into(), 100),
            ],
            end: Vec::new(),
        });
    }
}
