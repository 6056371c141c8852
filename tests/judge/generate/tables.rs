//! Rings, vectors, hash tables, rows of pointers and heaps in blocks.

use super::{Generator, Kit};

impl Generator {
    /// A ring of numbers in a block.
    pub fn ring(&mut self) {
        let size = 1 << self.random.range(2, 4);
        self.macro_(&format!("@RING {size}"));
        self.type_("struct @ring {\nint slots[@RING];\nunsigned head, tail;\n};");
        let new = self.allocate("r", "struct @ring", true, "return NULL;");
        self.function(
            "struct @ring *",
            "@ring_new",
            "void",
            &format!("struct @ring *r;\n{new}\nreturn r;"),
        );
        self.function(
            "int",
            "@ring_put",
            "struct @ring *r, int v",
            "if (r->head - r->tail == @RING)\nreturn 0;\nr->slots[r->head++ % @RING] = v;\nreturn 1;",
        );
        self.function(
            "int",
            "@ring_get",
            "struct @ring *r",
            "if (r->head == r->tail)\nreturn 0;\nreturn r->slots[r->tail++ % @RING];",
        );
        self.kits.push(Kit {
            declaration: vec!["struct @ring *{h} = @ring_new();".into()],
            values: vec![
                ("(int)({h}->head - {h}->tail)".into(), 16),
                ("{h}->slots[{e} % @RING]".into(), 1023),
            ],
            statements: vec![
                ("@ring_put({h}, {e});".into(), 10),
                (
                    "if (!@ring_put({h}, {e}))\n{x} = @ring_get({h});".into(),
                    12,
                ),
                ("{x} = @ring_get({h});".into(), 10),
                (
                    "while ({h}->tail != {h}->head)\n{x} = ({x} + @ring_get({h})) & 0x7fff;".into(),
                    80,
                ),
            ],
            end: vec!["free({h});".into()],
        });
    }

    /// A vector that grows.
    pub fn vector(&mut self) {
        let element = self.random.pick(&["int", "int", "short", "long"]);
        self.type_(&format!(
            "struct @vec {{\n{element} *data;\nint len, room;\n}};"
        ));
        let grow = match self.random.below(3) {
            0 => format!(
                "if (v->len == v->room) {{\nv->room = v->room ? v->room * 2 : 4;\nv->data = realloc(v->data, v->room * sizeof({element}));\n}}"
            ),
            1 => format!(
                "if (v->len == v->room) {{\nint room = v->room + 8;\n{element} *data = realloc(v->data, room * sizeof(*data));\nif (!data)\nreturn;\nv->data = data;\nv->room = room;\n}}"
            ),
            _ => format!(
                "if (v->len >= v->room) {{\n{element} *more = malloc((v->len + 4) * 2 * sizeof({element}));\nint i;\nfor (i = 0; i < v->len; i++)\nmore[i] = v->data[i];\nfree(v->data);\nv->data = more;\nv->room = (v->len + 4) * 2;\n}}"
            ),
        };
        let store = self
            .random
            .pick(&["v->data[v->len++] = x;", "v->data[v->len] = x;\nv->len++;"]);
        self.function(
            "void",
            "@add",
            "struct @vec *v, int x",
            &format!("{grow}\n{store}"),
        );
        let each = self.random.pick(&[
            "for (i = 0; i < v->len; i++)\ns = (s * 3 + (int)v->data[i]) & 0x7fff;",
            "for (i = v->len - 1; i >= 0; i--)\ns = (s ^ (int)v->data[i]) & 0x7fff;",
            "for (i = v->len; i > 0; i--)\ns = (s + (int)v->data[i - 1]) & 0x7fff;",
        ]);
        self.function(
            "int",
            "@all",
            "const struct @vec *v",
            &format!("int i, s = 0;\n{each}\nreturn s;"),
        );
        let mut statements = vec![
            ("@add(&{h}, {e});".to_owned(), 60),
            ("if ({h}.len)\n{x} = (int){h}.data[--{h}.len];".into(), 5),
            ("for (int {n} = 0; {n} < {h}.len; {n}++)\n{h}.data[{n}] = ({h}.data[{n}] + {n}) & 1023;".into(), 60),
        ];
        if self.random.chance(1, 2) {
            self.function(
                "void",
                "@sort",
                &format!("{element} *a, int n"),
                &format!(
                    "int i, j;\nfor (i = 1; i < n; i++) {{\n{element} key = a[i];\nfor (j = i - 1; j >= 0 && a[j] > key; j--)\na[j + 1] = a[j];\na[j + 1] = key;\n}}"
                ),
            );
            statements.push(("@sort({h}.data, {h}.len);".into(), 400));
        }
        self.kits.push(Kit {
            declaration: vec!["struct @vec {h} = { NULL, 0, 0 };".into()],
            values: vec![
                ("@all(&{h})".into(), 0x7fff),
                ("({h}.len ? (int){h}.data[{e} % {h}.len] : 3)".into(), 1023),
                ("{h}.len".into(), 1023),
            ],
            statements,
            end: vec!["free({h}.data);".into()],
        });
    }

    /// A table of lists, of the whole program.
    pub fn hash_table(&mut self) {
        let buckets = self.random.range(3, 9);
        self.type_(&format!("enum {{ @BUCKETS = {buckets} }};"));
        self.type_("struct @entry {\nint key;\nint value;\nstruct @entry *next;\n};");
        self.global("static struct @entry *@table[@BUCKETS];");
        let static_ = self.random.chance(1, 2);
        self.shared("int", "@used", "", static_);
        self.function(
            "unsigned",
            "@slot",
            "int key",
            "return (unsigned)(key * 7 + 3) % @BUCKETS;",
        );
        let loop_ = self.walk(
            "e",
            "@table[@slot(key)]",
            "e->next",
            "if (e->key == key)\nreturn e;",
        );
        self.function(
            "struct @entry *",
            "@get",
            "int key",
            &format!("struct @entry *e;\n{loop_}\nreturn NULL;"),
        );
        let new = self.allocate("e", "struct @entry", false, "return;");
        self.function(
            "void",
            "@set",
            "int key, int value",
            &format!(
                "struct @entry *e = @get(key);\nif (!e) {{\nunsigned slot = @slot(key);\n{new}\ne->key = key;\ne->next = @table[slot];\n@table[slot] = e;\n@used++;\n}}\ne->value = value;"
            ),
        );
        self.function(
            "int",
            "@drop",
            "int key",
            "struct @entry **link = &@table[@slot(key)];\nwhile (*link) {\nstruct @entry *e = *link;\nif (e->key == key) {\n*link = e->next;\nfree(e);\n@used--;\nreturn 1;\n}\nlink = &e->next;\n}\nreturn 0;",
        );
        let loop_ = self.walk(
            "e",
            "@table[i]",
            "e->next",
            "s = (s * 5 + e->value) & 0x7fff;",
        );
        // The goto form has a label, which a loop around it may hold once.
        self.function(
            "int",
            "@values",
            "void",
            &format!("int s = 0, i;\nstruct @entry *e;\nfor (i = 0; i < @BUCKETS; i++) {{\n{loop_}\n}}\nreturn s;"),
        );
        // The table is of the whole program, so a value may be in the way of an effect elsewhere;
        // within one expression there is none.
        let value = self.random.pick(&["@values()", "@used"]);
        self.kits.push(Kit {
            declaration: Vec::new(),
            values: vec![(value.into(), 0x7fff), ("(@get({e}) != NULL)".into(), 1)],
            statements: vec![
                ("@set({e} & 31, {e});".into(), 100),
                ("@set({e} % 12, {e});".into(), 100),
                ("{x} = @drop({e} & 31);".into(), 30),
                (
                    "if (@get({r} & 31))\n@get({r} & 31)->value = {e};".into(),
                    20,
                ),
            ],
            end: Vec::new(),
        });
    }

    /// Rows of numbers, each a block of its own.
    pub fn rows(&mut self) {
        let (rows, columns) = (self.random.range(2, 5), self.random.range(2, 6));
        self.macro_(&format!("@ROWS {rows}"));
        self.macro_(&format!("@COLUMNS {columns}"));
        let type_ = self.random.pick(&["int", "int", "unsigned", "long"]);
        let new = match self.random.below(3) {
            0 => format!("m[i] = calloc(@COLUMNS, sizeof({type_}));"),
            1 => format!(
                "m[i] = malloc(@COLUMNS * sizeof({type_}));\nfor (j = 0; j < @COLUMNS; j++)\nm[i][j] = 0;"
            ),
            _ => "m[i] = calloc(@COLUMNS, sizeof(*m[i]));".into(),
        };
        self.function(
            &format!("{type_} **"),
            "@rows_new",
            "int bias",
            &format!(
                "int i, j;\n{type_} **m = malloc(@ROWS * sizeof(*m));\nfor (i = 0; i < @ROWS; i++) {{\n{new}\nfor (j = 0; j < @COLUMNS; j++)\nm[i][j] += (i * @COLUMNS + j + bias) & 1023;\n}}\nreturn m;"
            ),
        );
        let frees = self.rows_free();
        self.function("void", "@rows_free", &format!("{type_} **m"), frees);
        self.function(
            "int",
            "@trace",
            &format!("{type_} **m"),
            "int i, s = 0;\nfor (i = 0; i < @ROWS && i < @COLUMNS; ++i)\ns += (int)m[i][i];\nreturn s & 0x7fff;",
        );
        self.kits.push(Kit {
            declaration: vec![format!("{type_} **{{h}} = @rows_new(5);")],
            values: vec![
                ("@trace({h})".into(), 0x7fff),
                ("(int){h}[{e} % @ROWS][{e} % @COLUMNS]".into(), 1023),
            ],
            statements: vec![
                ("{h}[{e} % @ROWS][{e} % @COLUMNS] = {e};".into(), 5),
                (
                    "for (int {n} = 0; {n} < @ROWS; {n}++)\nfor (int {n}c = 0; {n}c < @COLUMNS; {n}c++)\n{h}[{n}][{n}c] = ({h}[{n}][{n}c] * 3 + 1) & 1023;".into(),
                    60,
                ),
                (
                    format!("{{\n{type_} *{{n}} = {{h}}[0];\n{{h}}[0] = {{h}}[@ROWS - 1];\n{{h}}[@ROWS - 1] = {{n}};\n}}"),
                    5,
                ),
            ],
            end: vec!["@rows_free({h});".into()],
        });
    }

    fn rows_free(&mut self) -> &'static str {
        self.random.pick(&[
            "for (int i = 0; i < @ROWS; i++)\nfree(m[i]);\nfree(m);",
            "int i = @ROWS;\nwhile (i--)\nfree(m[i]);\nfree(m);",
            "int i;\nfor (i = @ROWS - 1; i >= 0; i--) {\nfree(m[i]);\nm[i] = NULL;\n}\nfree(m);",
        ])
    }

    /// A priority queue in an array of fixed size.
    pub fn binary_heap(&mut self) {
        let room = self.random.range(8, 24);
        self.type_(&format!("struct @heap {{\nint size;\nint at[{room}];\n}};"));
        self.function(
            "void",
            "@heap_push",
            "struct @heap *p, int v",
            &format!(
                "int i;\nif (p->size == {room})\nreturn;\ni = p->size++;\nwhile (i > 0 && p->at[(i - 1) / 2] > v) {{\np->at[i] = p->at[(i - 1) / 2];\ni = (i - 1) / 2;\n}}\np->at[i] = v;"
            ),
        );
        self.function(
            "int",
            "@heap_pop",
            "struct @heap *p",
            "int top, last, i = 0, kid;\nif (p->size == 0)\nreturn 0;\ntop = p->at[0];\nlast = p->at[--p->size];\nfor (;;) {\nkid = 2 * i + 1;\nif (kid >= p->size)\nbreak;\nif (kid + 1 < p->size && p->at[kid + 1] < p->at[kid])\nkid++;\nif (p->at[kid] >= last)\nbreak;\np->at[i] = p->at[kid];\ni = kid;\n}\np->at[i] = last;\nreturn top;",
        );
        let new = self.allocate("p", "struct @heap", true, "return NULL;");
        self.function(
            "struct @heap *",
            "@heap_new",
            "void",
            &format!("struct @heap *p;\n{new}\nreturn p;"),
        );
        self.kits.push(Kit {
            declaration: vec!["struct @heap *{h} = @heap_new();".into()],
            values: vec![
                ("{h}->size".into(), 31),
                ("({h}->size ? {h}->at[0] : 7)".into(), 1023),
            ],
            statements: vec![
                ("@heap_push({h}, {e});".into(), 30),
                ("{x} = @heap_pop({h});".into(), 40),
                (
                    "@heap_push({h}, {x} & 1023);\n@heap_push({h}, {e});".into(),
                    60,
                ),
            ],
            end: vec!["free({h});".into()],
        });
    }
}
