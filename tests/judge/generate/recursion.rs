//! Functions that call themselves or each other.

use super::{Generator, Helper, Kit};

impl Generator {
    pub fn recursive_makers() -> Vec<fn(&mut Self)> {
        vec![
            Self::recursive_tree,
            Self::numbers,
            Self::even_and_odd,
            Self::sorts,
            Self::subsets,
            Self::recursive_list,
            Self::parser,
            Self::memo,
            Self::fill_grid,
            Self::visitor,
            Self::out_counts,
        ]
    }

    fn helper(&mut self, call: &str, bound: i64, cost: u64) {
        self.helpers.push(Helper {
            call: call.into(),
            bound,
            cost,
            pure: true,
        });
    }

    fn recursive_tree(&mut self) {
        self.type_("struct @branch {\nint key;\nstruct @branch *left, *right;\n};");
        let by_pointer = self.random.chance(1, 3);
        if by_pointer {
            let new = self.allocate("*where", "struct @branch", true, "return;");
            self.function(
                "void",
                "@grow_at",
                "struct @branch **where, int key",
                &format!(
                    "if (!*where) {{\n{new}\n(*where)->key = key;\nreturn;\n}}\nif (key < (*where)->key)\n@grow_at(&(*where)->left, key);\nelse if (key > (*where)->key)\n@grow_at(&(*where)->right, key);"
                ),
            );
        } else {
            let new = self.allocate("t", "struct @branch", false, "return NULL;");
            let body = match self.random.chance(1, 2) {
                true => format!(
                    "if (t == NULL) {{\n{new}\nt->key = key;\nt->left = t->right = NULL;\n}} else if (key < t->key) {{\nt->left = @grow(t->left, key);\n}} else if (key > t->key) {{\nt->right = @grow(t->right, key);\n}}\nreturn t;"
                ),
                false => format!(
                    "struct @branch **side;\nif (!t) {{\n{new}\nt->key = key;\nt->left = NULL;\nt->right = NULL;\nreturn t;\n}}\nif (key == t->key)\nreturn t;\nside = key < t->key ? &t->left : &t->right;\n*side = @grow(*side, key);\nreturn t;"
                ),
            };
            self.function(
                "struct @branch *",
                "@grow",
                "struct @branch *t, int key",
                &body,
            );
        }
        let sum = match self.random.below(4) {
            0 => "return t ? (t->key + @tree_sum(t->left) + @tree_sum(t->right)) & 0x7fff : 0;",
            1 => {
                "if (!t)\nreturn 0;\nreturn (@tree_sum(t->left) * 3 + @tree_sum(t->right) + t->key) & 0x7fff;"
            }
            2 => {
                "int s = 0;\nif (t) {\ns = @tree_sum(t->left);\ns += t->key;\ns = (s + @tree_sum(t->right)) & 0x7fff;\n}\nreturn s;"
            }
            _ => {
                "int l, r;\nif (t == NULL)\nreturn 1;\nl = @tree_sum(t->left);\nr = @tree_sum(t->right);\nreturn (l ^ (r << 1) ^ t->key) & 0x7fff;"
            }
        };
        self.function("int", "@tree_sum", "const struct @branch *t", sum);
        let depth = self.random.pick(&[
            "int l, r;\nif (!t)\nreturn 0;\nl = @depth(t->left);\nr = @depth(t->right);\nreturn 1 + (l > r ? l : r);",
            "if (t == NULL)\nreturn 0;\nint l = @depth(t->left), r = @depth(t->right);\nif (l < r)\nl = r;\nreturn l + 1;",
        ]);
        self.function("int", "@depth", "struct @branch *t", depth);
        self.function(
            "int",
            "@has",
            "const struct @branch *t, int key",
            "return t && (t->key == key || @has(t->left, key) || @has(t->right, key));",
        );
        let free_ = self.random.pick(&[
            "if (!t)\nreturn;\n@tree_free(t->left);\n@tree_free(t->right);\nfree(t);",
            "if (t) {\n@tree_free(t->left);\n@tree_free(t->right);\nfree(t);\n}",
            "if (t == NULL)\nreturn;\nstruct @branch *right = t->right;\n@tree_free(t->left);\nfree(t);\n@tree_free(right);",
        ]);
        self.function("void", "@tree_free", "struct @branch *t", free_);
        let grow = match by_pointer {
            true => "@grow_at(&{h}, {e});",
            false => "{h} = @grow({h}, {e});",
        };
        self.kits.push(Kit {
            declaration: vec!["struct @branch *{h} = NULL;".into()],
            values: vec![
                ("@tree_sum({h})".into(), 0x7fff),
                ("@depth({h})".into(), 1023),
                ("@has({h}, {e})".into(), 1),
            ],
            statements: vec![(grow.into(), 200), (grow.into(), 200)],
            end: vec!["@tree_free({h});".into()],
        });
    }

    fn numbers(&mut self) {
        let fib = self.random.pick(&[
            "return n < 2 ? n : @fib(n - 1) + @fib(n - 2);",
            "if (n < 2)\nreturn n;\nreturn @fib(n - 1) + @fib(n - 2);",
            "int a, b;\nif (n <= 1)\nreturn n;\na = @fib(n - 1);\nb = @fib(n - 2);\nreturn a + b;",
        ]);
        self.function("int", "@fib", "int n", fib);
        self.helper("@fib({e} % 11)", 1023, 250);
        match self.random.below(4) {
            0 => {
                self.function(
                    "int",
                    "@gcd",
                    "int a, int b",
                    "return b ? @gcd(b, a % b) : a;",
                );
                self.helper("@gcd({e}, {e})", 1023, 30);
            }
            1 => {
                self.function(
                    "int",
                    "@ack",
                    "int m, int n",
                    "if (m == 0)\nreturn n + 1;\nif (n == 0)\nreturn @ack(m - 1, 1);\nreturn @ack(m - 1, @ack(m, n - 1));",
                );
                self.helper("@ack({e} % 3, {e} % 5)", 1023, 300);
            }
            2 => {
                self.function(
                    "int",
                    "@hanoi",
                    "int n, int from, int to",
                    "int moves;\nif (n == 0)\nreturn 0;\nmoves = @hanoi(n - 1, from, 6 - from - to);\nmoves++;\nmoves += @hanoi(n - 1, 6 - from - to, to);\nreturn moves & 0x7fff;",
                );
                self.helper("@hanoi({e} % 7, 1, 3)", 0x7fff, 300);
            }
            _ => {
                self.function(
                    "int",
                    "@power",
                    "int b, int n",
                    "int half;\nif (n == 0)\nreturn 1;\nhalf = @power(b, n / 2);\nhalf = (half * half) & 0x3ff;\nif (n % 2)\nhalf = (half * (b & 0x3ff)) & 0x3ff;\nreturn half;",
                );
                self.helper("@power({e}, {e} % 20)", 1023, 40);
            }
        }
        // Something with the heap, so that there is a reason to rewrite.
        self.old_sum();
    }

    fn even_and_odd(&mut self) {
        self.type_("struct @cell {\nint v;\nstruct @cell *rest;\n};");
        let prototypes =
            self.tagged("int @odd(const struct @cell *c);\nstruct @cell *@build(int n);");
        self.globals.push((self.file, prototypes));
        let new = self.allocate("c", "struct @cell", false, "return NULL;");
        let text = self.tagged(&format!(
            "struct @cell *@build(int n)\n{{\n\tstruct @cell *c;\n\n\tif (n == 0)\n\t\treturn NULL;\n\t{}\n\tc->v = n;\n\tc->rest = @build(n - 1);\n\treturn c;\n}}\n",
            new.replace('\n', "\n\t")
        ));
        self.functions.push(super::Function {
            file: self.file,
            prototype: None,
            text,
        });
        self.function(
            "int",
            "@even",
            "const struct @cell *c",
            "if (!c)\nreturn 1;\nreturn @odd(c->rest);",
        );
        let text = self
            .tagged("int @odd(const struct @cell *c)\n{\n\treturn c ? @even(c->rest) : 0;\n}\n");
        self.functions.push(super::Function {
            file: self.file,
            prototype: None,
            text,
        });
        self.function(
            "void",
            "@release",
            "struct @cell *c",
            "if (c) {\n@release(c->rest);\nfree(c);\n}",
        );
        self.kits.push(Kit {
            declaration: vec!["struct @cell *{h} = @build(5);".into()],
            values: vec![("@even({h})".into(), 1), ("@odd({h})".into(), 1)],
            statements: vec![(
                "{\nint {n} = {e} % 40;\n@release({h});\n{h} = @build({n});\n}".into(),
                500,
            )],
            end: vec!["@release({h});".into()],
        });
    }

    fn sorts(&mut self) {
        let quick = self.random.chance(1, 2);
        if quick {
            self.function(
                "void",
                "@quick",
                "int *a, int low, int high",
                "int i, j, pivot, t;\nif (low >= high)\nreturn;\npivot = a[(low + high) / 2];\ni = low;\nj = high;\nwhile (i <= j) {\nwhile (a[i] < pivot)\ni++;\nwhile (a[j] > pivot)\nj--;\nif (i <= j) {\nt = a[i];\na[i++] = a[j];\na[j--] = t;\n}\n}\n@quick(a, low, j);\n@quick(a, i, high);",
            );
        } else {
            self.function(
                "void",
                "@merge_sort",
                "int *a, int *spare, int n",
                "int half = n / 2, i = 0, j = half, k;\nif (n < 2)\nreturn;\n@merge_sort(a, spare, half);\n@merge_sort(a + half, spare, n - half);\nfor (k = 0; k < n; k++) {\nif (j >= n || (i < half && a[i] <= a[j]))\nspare[k] = a[i++];\nelse\nspare[k] = a[j++];\n}\nfor (k = 0; k < n; k++)\na[k] = spare[k];",
            );
        }
        let n = self.random.range(4, 20);
        let call = match quick {
            true => format!("@quick({{h}}, 0, {});", n - 1),
            false => format!("@merge_sort({{h}}, {{h}} + {n}, {n});"),
        };
        self.kits.push(Kit {
            declaration: vec![
                format!("int *{{h}} = malloc({n} * 2 * sizeof(int));"),
                format!("for (int i = 0; i < {n} * 2; i++)"),
                "{h}[i] = i * 37 % 101;".into(),
            ],
            values: vec![(format!("{{h}}[{{e}} % {n}]"), 1023)],
            statements: vec![(call, 1500), (format!("{{h}}[{{e}} % {n}] = {{e}};"), 5)],
            end: vec!["free({h});".into()],
        });
    }

    fn subsets(&mut self) {
        if self.random.chance(1, 2) {
            self.function(
                "int",
                "@ways",
                "const int *a, int n, int left",
                "if (left == 0)\nreturn 1;\nif (n == 0 || left < 0)\nreturn 0;\nreturn @ways(a, n - 1, left) + @ways(a + 1, n - 1, left - a[0]);",
            );
            self.kits.push(Kit {
                declaration: vec![
                    "int *{h} = malloc(7 * sizeof(int));".into(),
                    "for (int i = 0; i < 7; i++)".into(),
                    "{h}[i] = i * 3 + 1;".into(),
                ],
                values: vec![("{h}[{e} % 7]".into(), 1023)],
                statements: vec![
                    ("{h}[{e} % 7] = {e} % 20 + 1;".into(), 5),
                    ("{x} = @ways({h}, 7, {e} % 30) & 0x7fff;".into(), 1500),
                ],
                end: vec!["free({h});".into()],
            });
            return;
        }
        self.function(
            "int",
            "@place",
            "char *column, int row, int n",
            "int count = 0, c, r;\nif (row == n)\nreturn 1;\nfor (c = 0; c < n; c++) {\nfor (r = 0; r < row; r++)\nif (column[r] == c || column[r] - c == row - r || c - column[r] == row - r)\nbreak;\nif (r < row)\ncontinue;\ncolumn[row] = (char)c;\ncount += @place(column, row + 1, n);\n}\nreturn count;",
        );
        self.kits.push(Kit {
            declaration: vec!["char *{h} = calloc(8, 1);".into()],
            values: vec![("({h}[{e} & 7] & 7)".into(), 7)],
            statements: vec![("{x} = @place({h}, 0, {e} % 3 + 3) & 0x7fff;".into(), 2000)],
            end: vec!["free({h});".into()],
        });
    }

    fn recursive_list(&mut self) {
        self.type_("struct @knot {\nint v;\nstruct @knot *next;\n};");
        let new = self.allocate("k", "struct @knot", false, "return at;");
        self.function(
            "struct @knot *",
            "@sorted",
            "struct @knot *at, int v",
            &format!(
                "struct @knot *k;\nif (at && at->v < v) {{\nat->next = @sorted(at->next, v);\nreturn at;\n}}\n{new}\nk->v = v;\nk->next = at;\nreturn k;"
            ),
        );
        self.function(
            "struct @knot *",
            "@turned",
            "struct @knot *k",
            "struct @knot *rest;\nif (!k || !k->next)\nreturn k;\nrest = @turned(k->next);\nk->next->next = k;\nk->next = NULL;\nreturn rest;",
        );
        let sum = self.random.pick(&[
            "if (!k)\nreturn 0;\nreturn (k->v + 2 * @folded(k->next)) & 0x7fff;",
            "return k ? (@folded(k->next) ^ k->v) & 0x7fff : 7;",
        ]);
        self.function("int", "@folded", "const struct @knot *k", sum);
        self.function(
            "int",
            "@last",
            "struct @knot *k, int otherwise",
            "if (!k)\nreturn otherwise;\nreturn @last(k->next, k->v);",
        );
        self.kits.push(Kit {
            declaration: vec!["struct @knot *{h} = NULL;".into()],
            values: vec![
                ("@folded({h})".into(), 0x7fff),
                ("@last({h}, {e})".into(), 1023),
            ],
            statements: vec![
                ("{h} = @sorted({h}, {e});".into(), 200),
                ("{h} = @sorted({h}, {e});".into(), 200),
                ("{h} = @turned({h});".into(), 200),
            ],
            end: vec![
                "while ({h}) {".into(),
                "struct @knot *k = {h}->next;".into(),
                "free({h});".into(),
                "{h} = k;".into(),
                "}".into(),
            ],
        });
    }

    fn parser(&mut self) {
        self.type_("struct @expr {\nchar op;\nint value;\nstruct @expr *left, *right;\n};");
        self.global("static const char *@cursor;");
        let prototype = self.tagged("struct @expr *@parse_sum(void);");
        self.globals.push((self.file, prototype));
        let new = self.allocate("e", "struct @expr", false, "return NULL;");
        self.function(
            "struct @expr *",
            "@leaf",
            "char op, int value, struct @expr *left, struct @expr *right",
            &format!("struct @expr *e;\n{new}\ne->op = op;\ne->value = value;\ne->left = left;\ne->right = right;\nreturn e;"),
        );
        self.function(
            "struct @expr *",
            "@parse_atom",
            "void",
            "int n = 0;\nif (*@cursor == '(') {\nstruct @expr *e;\n@cursor++;\ne = @parse_sum();\n@cursor++;\nreturn e;\n}\nfor (; *@cursor >= '0' && *@cursor <= '9'; @cursor++)\nn = (n * 10 + (*@cursor - '0')) & 0x3ff;\nreturn @leaf('n', n, NULL, NULL);",
        );
        self.function(
            "struct @expr *",
            "@parse_product",
            "void",
            "struct @expr *e = @parse_atom();\nwhile (*@cursor == '*') {\n@cursor++;\ne = @leaf('*', 0, e, @parse_atom());\n}\nreturn e;",
        );
        let text = self.tagged(
            "struct @expr *@parse_sum(void)\n{\n\tstruct @expr *e = @parse_product();\n\n\twhile (*@cursor == '+' || *@cursor == '-') {\n\t\tchar op = *@cursor++;\n\n\t\te = @leaf(op, 0, e, @parse_product());\n\t}\n\treturn e;\n}\n",
        );
        self.functions.push(super::Function {
            file: self.file,
            prototype: None,
            text,
        });
        let eval = self.random.pick(&[
            "if (e->op == 'n')\nreturn e->value;\nint l = @eval(e->left), r = @eval(e->right);\nreturn (e->op == '+' ? l + r : e->op == '-' ? l - r : l * r) & 0x3ff;",
            "switch (e->op) {\ncase '+':\nreturn (@eval(e->left) + @eval(e->right)) & 0x3ff;\ncase '-':\nreturn (@eval(e->left) - @eval(e->right)) & 0x3ff;\ncase '*':\nreturn (@eval(e->left) * @eval(e->right)) & 0x3ff;\ndefault:\nreturn e->value;\n}",
        ]);
        self.function("int", "@eval", "const struct @expr *e", eval);
        self.function(
            "void",
            "@prune",
            "struct @expr *e",
            "if (!e)\nreturn;\n@prune(e->left);\n@prune(e->right);\nfree(e);",
        );
        let text = self.random.pick(&[
            "2*(3+40)*5-(7-1)*8",
            "1+2+3*4*(5-6)",
            "(((9)))*7",
            "100-20-3",
        ]);
        self.function(
            "int",
            "@compute",
            "int bias",
            &format!("struct @expr *e;\nint v;\n@cursor = bias & 1 ? \"{text}\" : \"4*(2+3)\";\ne = @parse_sum();\nv = @eval(e);\n@prune(e);\nreturn v;"),
        );
        self.kits.push(Kit {
            statements: vec![("{x} = @compute({e});".into(), 600)],
            ..Kit::default()
        });
    }

    fn memo(&mut self) {
        self.function(
            "int",
            "@count_ways",
            "int *known, int n",
            "static const int coins[3] = { 1, 5, 12 };\nint i, best = 1000;\nif (n <= 0)\nreturn 0;\nif (known[n])\nreturn known[n];\nfor (i = 0; i < 3; i++) {\nif (coins[i] <= n) {\nint with = 1 + @count_ways(known, n - coins[i]);\nif (with < best)\nbest = with;\n}\n}\nknown[n] = best;\nreturn best;",
        );
        self.kits.push(Kit {
            declaration: vec!["int *{h} = calloc(64, sizeof(int));".into()],
            values: vec![("{h}[{e} & 63]".into(), 1023)],
            statements: vec![
                ("{x} = @count_ways({h}, {e} & 31);".into(), 800),
                ("{h}[{e} & 63] = 0;".into(), 4),
            ],
            end: vec!["free({h});".into()],
        });
    }

    fn fill_grid(&mut self) {
        self.macro_("@SIDE 6");
        let calls = self.random.pick(&[
            "return 1 + @flood(g, x + 1, y) + @flood(g, x - 1, y) + @flood(g, x, y + 1) + @flood(g, x, y - 1);",
            "int n = 1;\nn += @flood(g, x + 1, y);\nn += @flood(g, x - 1, y);\nn += @flood(g, x, y + 1);\nn += @flood(g, x, y - 1);\nreturn n;",
            "int n = 1, d;\nfor (d = 0; d < 4; d++)\nn += @flood(g, x + (d == 0) - (d == 1), y + (d == 2) - (d == 3));\nreturn n;",
        ]);
        self.function(
            "int",
            "@flood",
            "char *g, int x, int y",
            &format!("if (x < 0 || y < 0 || x >= @SIDE || y >= @SIDE)\nreturn 0;\nif (g[y * @SIDE + x])\nreturn 0;\ng[y * @SIDE + x] = 1;\n{calls}"),
        );
        self.kits.push(Kit {
            declaration: vec!["char *{h} = calloc(@SIDE, @SIDE);".into()],
            values: vec![("{h}[{e} % (@SIDE * @SIDE)]".into(), 127)],
            statements: vec![
                ("{h}[{e} % (@SIDE * @SIDE)] = 1;".into(), 4),
                ("{x} = @flood({h}, {e} % @SIDE, {e} % @SIDE);".into(), 600),
                (
                    "for (int {n} = 0; {n} < @SIDE * @SIDE; {n} += 2)\n{h}[{n}] = 0;".into(),
                    40,
                ),
            ],
            end: vec!["free({h});".into()],
        });
    }

    /// A walk that is told what to do with each node.
    fn visitor(&mut self) {
        self.type_("struct @spot {\nint v;\nstruct @spot *a, *b;\n};");
        self.type_("struct @seen {\nint sum;\nint count;\n};");
        self.function(
            "void",
            "@tally",
            "struct @spot *s, void *to",
            "struct @seen *seen = to;\nseen->sum = (seen->sum * 3 + s->v) & 0x7fff;\nseen->count++;",
        );
        self.function(
            "void",
            "@visit",
            "struct @spot *s, void (*what)(struct @spot *, void *), void *to",
            "if (!s)\nreturn;\n@visit(s->a, what, to);\nwhat(s, to);\n@visit(s->b, what, to);",
        );
        let new = self.allocate("s", "struct @spot", false, "return NULL;");
        self.function(
            "struct @spot *",
            "@balanced",
            "int low, int high",
            &format!("struct @spot *s;\nint middle = (low + high) / 2;\nif (low > high)\nreturn NULL;\n{new}\ns->v = middle;\ns->a = @balanced(low, middle - 1);\ns->b = @balanced(middle + 1, high);\nreturn s;"),
        );
        self.kits.push(Kit {
            declaration: vec!["struct @spot *{h} = @balanced(1, 9);".into()],
            values: vec![("{h}->v".into(), 1023)],
            statements: vec![
                (
                    "{\nstruct @seen {n} = { 1, 0 };\n@visit({h}, @tally, &{n});\n{x} = ({n}.sum + {n}.count) & 0x7fff;\n}".into(),
                    200,
                ),
                ("if ({h}->a)\n{h}->a->v = {e};".into(), 4),
            ],
            end: Vec::new(),
        });
    }

    /// The address of a local variable goes down.
    fn out_counts(&mut self) {
        self.type_("struct @twig {\nint v;\nstruct @twig *kid[2];\n};");
        let new = self.allocate("t", "struct @twig", false, "return NULL;");
        self.function(
            "struct @twig *",
            "@sprout",
            "int depth, int v",
            &format!("struct @twig *t;\nif (!depth)\nreturn NULL;\n{new}\nt->v = v;\nfor (int i = 0; i < 2; i++)\nt->kid[i] = @sprout(depth - 1 - i * (v & 1), (v * 3 + i) & 0x3ff);\nreturn t;")
                .replace("if (!depth)", "if (depth <= 0)"),
        );
        self.function(
            "int",
            "@measure_twig",
            "const struct @twig *t, int *leaves",
            "int below = 0, here;\nif (!t)\nreturn 0;\nif (!t->kid[0] && !t->kid[1])\n(*leaves)++;\nhere = @measure_twig(t->kid[0], &below) + @measure_twig(t->kid[1], &below);\n*leaves += below;\nreturn (here + t->v) & 0x7fff;",
        );
        self.function(
            "int",
            "@cut",
            "struct @twig *t",
            "int n;\nif (!t)\nreturn 0;\nn = @cut(t->kid[0]) + @cut(t->kid[1]) + 1;\nfree(t);\nreturn n;",
        );
        self.kits.push(Kit {
            declaration: vec!["struct @twig *{h} = @sprout(3, 5);".into()],
            values: vec![("{h}->v".into(), 1023)],
            statements: vec![
                (
                    "{\nint {n} = 0;\n{x} = @measure_twig({h}, &{n});\n{x} = ({x} + {n}) & 0x7fff;\n}".into(),
                    400,
                ),
                ("{\nint {n} = {e};\n{x} = @cut({h});\n{h} = @sprout({n} % 4 + 1, {n});\n}".into(), 1000),
            ],
            end: vec!["@cut({h});".into()],
        });
    }
}
