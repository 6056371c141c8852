//! Lists, stacks and trees; how blocks are allocated and how loops follow pointers.

use super::{Generator, Kit};

impl Generator {
    /// A macro for allocations, or a function around malloc, or both.
    pub fn wrappers(&mut self) {
        if self.random.chance(2, 3) {
            let body = self.random.pick(&[
                "((T *)malloc(sizeof(T)))",
                "(T *)malloc(sizeof(T))",
                "(malloc(sizeof(T)))",
            ]);
            self.macro_(&format!("@NEW(T) {body}"));
            self.has_new = true;
        }
        if self.random.chance(1, 2) {
            let body = match self.random.below(4) {
                0 => "return malloc(size);",
                1 => "void *p = malloc(size);\nreturn p;",
                2 => "void *p = malloc(size);\nif (!p)\nabort();\nreturn p;",
                _ => "void *p;\np = malloc(size);\nif (p == NULL)\nexit(1);\nreturn p;",
            };
            self.function("void *", "@xmalloc", "size_t size", body);
            self.has_wrapper = true;
        }
    }

    /// Statements that give `variable` a block of this type; `fails` is what follows if there is
    /// none, where the program looks at all.
    pub fn allocate(&mut self, variable: &str, type_: &str, zeroed: bool, fails: &str) -> String {
        let size = match self.random.below(3) {
            0 => format!("sizeof({type_})"),
            1 => format!("sizeof(*{variable})"),
            _ => format!("sizeof *{variable}"),
        };
        let plain = match self.random.below(4) {
            0 => format!("({type_} *)malloc({size})"),
            _ => format!("malloc({size})"),
        };
        let call = match self.random.below(8) {
            _ if zeroed => format!("calloc(1, {size})"),
            0..=1 if self.has_new => format!("@NEW({type_})"),
            2..=3 if self.has_wrapper => format!("@xmalloc({size})"),
            4 => format!("calloc(1, {size})"),
            _ => plain,
        };
        match self.random.below(9) {
            0 => format!("{variable} = {call};\nif (!{variable})\n{fails}"),
            1 => format!("{variable} = {call};\nif ({variable} == NULL) {{\n{fails}\n}}"),
            2 => format!("if (!({variable} = {call}))\n{fails}"),
            3 => format!("if (({variable} = {call}) == NULL)\n{fails}"),
            _ => format!("{variable} = {call};"),
        }
    }

    /// A loop from `init` by `step` while the variable points somewhere.
    pub fn walk(&mut self, variable: &str, init: &str, step: &str, body: &str) -> String {
        let (v, test) = match self.random.below(3) {
            0 => (variable, format!("{variable} != NULL")),
            _ => (variable, variable.to_owned()),
        };
        match self.random.below(7) {
            0..=2 => format!("for ({v} = {init}; {test}; {v} = {step}) {{\n{body}\n}}"),
            3..=4 => format!("{v} = {init};\nwhile ({test}) {{\n{body}\n{v} = {step};\n}}"),
            5 => format!(
                "{v} = {init};\nif ({test}) {{\ndo {{\n{body}\n{v} = {step};\n}} while ({test});\n}}"
            ),
            _ => format!(
                "{v} = {init};\nnext:\nif ({test}) {{\n{body}\n{v} = {step};\ngoto next;\n}}"
            ),
        }
    }

    /// What a value is mixed with in loops over values: stays below 0x8000.
    fn folded(&mut self, sum: &str, value: &str) -> String {
        match self.random.below(4) {
            0 => format!("{sum} = ({sum} * 3 + {value}) & 0x7fff;"),
            1 => format!("{sum} ^= {value};"),
            2 => format!("{sum} = ({sum} + {value}) & 0x7fff;"),
            _ => format!("if ({value} > {sum} % 1024)\n{sum} = ({sum} + {value}) & 0x7fff;"),
        }
    }

    /// A list that is known by its first node.
    pub fn list_head(&mut self) {
        self.type_("struct @node {\nint v;\nstruct @node *next;\n};");
        let new = self.allocate("n", "struct @node", false, "return head;");
        let order = self.random.pick(&[
            "n->v = v;\nn->next = head;\nreturn n;",
            "n->next = head;\nn->v = v;\nhead = n;\nreturn head;",
        ]);
        self.function(
            "struct @node *",
            "@push",
            "struct @node *head, int v",
            &format!("struct @node *n;\n{new}\n{order}"),
        );
        let fold = self.folded("s", "n->v");
        let loop_ = self.walk("n", "head", "n->next", &fold);
        let const_ = self.random.pick(&["const ", ""]);
        self.function(
            "int",
            "@sum",
            &format!("{const_}struct @node *head"),
            &format!("{const_}struct @node *n;\nint s = 0;\n{loop_}\nreturn s;"),
        );
        let loop_ = self.walk("n", "head", "n->next", "count++;");
        self.function(
            "int",
            "@length",
            "struct @node *head",
            &format!("struct @node *n;\nint count = 0;\n{loop_}\nreturn count & 0x7fff;"),
        );
        let mut kit = Kit {
            declaration: vec!["struct @node *{h} = NULL;".into()],
            values: vec![
                ("@sum({h})".into(), 0x7fff),
                ("@length({h})".into(), 0x7fff),
                ("({h} ? {h}->v : 0)".into(), 1023),
            ],
            statements: vec![
                ("{h} = @push({h}, {e});".into(), 100),
                ("{h} = @push(@push({h}, {e}), {e});".into(), 200),
                ("if ({h})\n{h}->v = {e};".into(), 5),
                (
                    "if ({h}) {\nstruct @node *{n} = {h}->next;\n{x} = {h}->v;\nfree({h});\n{h} = {n};\n}".into(),
                    20,
                ),
            ],
            end: vec![
                "while ({h}) {".into(),
                "struct @node *next = {h}->next;".into(),
                "free({h});".into(),
                "{h} = next;".into(),
                "}".into(),
            ],
        };
        if self.random.chance(1, 2) {
            self.function(
                "void",
                "@remove",
                "struct @node **link, int v",
                "while (*link) {\nstruct @node *n = *link;\nif (n->v % 4 == v % 4) {\n*link = n->next;\nfree(n);\n} else {\nlink = &n->next;\n}\n}",
            );
            kit.statements.push(("@remove(&{h}, {e});".into(), 80));
        }
        if self.random.chance(1, 2) {
            self.function(
                "struct @node *",
                "@reverse",
                "struct @node *head",
                "struct @node *done = NULL, *next;\nfor (; head; head = next) {\nnext = head->next;\nhead->next = done;\ndone = head;\n}\nreturn done;",
            );
            kit.statements.push(("{h} = @reverse({h});".into(), 60));
        }
        if self.random.chance(1, 3) {
            self.function(
                "int",
                "@put",
                "struct @node **where, int v",
                "struct @node *n = malloc(sizeof(*n));\nif (!n)\nreturn -1;\nn->v = v;\nn->next = *where;\n*where = n;\nreturn 0;",
            );
            kit.statements
                .push(("if (@put(&{h}, {e}))\n{x} = 1;".into(), 100));
            kit.statements.push(("@put(&{h}, {e});".into(), 100));
        }
        self.kits.push(kit);
    }

    /// A list with a header of first, last and count, on the stack or in a block.
    pub fn list_header(&mut self) {
        self.type_("struct @item {\nint v;\nstruct @item *next;\n};");
        let typedef = self.random.chance(1, 3);
        let name = if typedef { "@list" } else { "struct @list" };
        match typedef {
            true => {
                self.type_("typedef struct {\nstruct @item *first, *last;\nint count;\n} @list;")
            }
            false => self.type_("struct @list {\nstruct @item *first, *last;\nint count;\n};"),
        }
        let new = self.allocate("n", "struct @item", false, "return;");
        self.function(
            "void",
            "@append",
            &format!("{name} *l, int v"),
            &format!(
                "struct @item *n;\n{new}\nn->v = v;\nn->next = NULL;\nif (l->last)\nl->last->next = n;\nelse\nl->first = n;\nl->last = n;\nl->count++;"
            ),
        );
        self.function(
            "int",
            "@take",
            &format!("{name} *l"),
            "struct @item *n = l->first;\nint v;\nif (!n)\nreturn 0;\nv = n->v;\nl->first = n->next;\nif (!l->first)\nl->last = NULL;\nl->count--;\nfree(n);\nreturn v;",
        );
        let fold = self.folded("s", "n->v");
        let loop_ = self.walk("n", "l->first", "n->next", &fold);
        self.function(
            "int",
            "@total",
            &format!("const {name} *l"),
            &format!("struct @item *n;\nint s = 0;\n{loop_}\nreturn s;"),
        );
        let block = self.random.chance(1, 2);
        let (declaration, at, dot, mut end) = match block {
            false => (
                format!("{name} {{h}} = {{ 0 }};"),
                "&{h}",
                "{h}.",
                vec!["while ({h}.first)".to_owned(), "@take(&{h});".into()],
            ),
            true => (
                format!("{name} *{{h}} = calloc(1, sizeof({name}));"),
                "{h}",
                "{h}->",
                vec!["while ({h}->first)".to_owned(), "@take({h});".into()],
            ),
        };
        if block {
            end.push("free({h});".into());
        }
        self.kits.push(Kit {
            declaration: vec![declaration],
            values: vec![
                (format!("@total({at})"), 0x7fff),
                (format!("{dot}count"), 1023),
            ],
            statements: vec![
                (format!("@append({at}, {{e}});"), 100),
                (format!("{{x}} = @take({at});"), 20),
                (format!("if ({dot}last)\n{dot}last->v = {{e}};"), 5),
                (
                    format!("for (struct @item *{{n}} = {dot}first; {{n}}; {{n}} = {{n}}->next)\n{{n}}->v = ({{n}}->v + 1) & 1023;"),
                    60,
                ),
            ],
            end,
        });
    }

    /// A list with ways back.
    pub fn doubly_linked(&mut self) {
        self.type_("typedef struct @link @link;");
        self.type_("struct @link {\n@link *prev, *next;\nint data;\n};");
        self.type_("struct @chain {\n@link *head;\n@link *tail;\n};");
        let new = self.allocate("n", "@link", false, "return NULL;");
        self.function(
            "@link *",
            "@attach",
            "struct @chain *c, int data",
            &format!(
                "@link *n;\n{new}\nn->data = data;\nn->next = NULL;\nn->prev = c->tail;\nif (c->tail)\nc->tail->next = n;\nelse\nc->head = n;\nc->tail = n;\nreturn n;"
            ),
        );
        self.function(
            "void",
            "@detach",
            "struct @chain *c, @link *n",
            "if (n->prev)\nn->prev->next = n->next;\nelse\nc->head = n->next;\nif (n->next)\nn->next->prev = n->prev;\nelse\nc->tail = n->prev;\nfree(n);",
        );
        let fold = self.folded("s", "n->data");
        let (first, step) = match self.random.chance(1, 2) {
            true => ("c->tail", "n->prev"),
            false => ("c->head", "n->next"),
        };
        let loop_ = self.walk("n", first, step, &fold);
        self.function(
            "int",
            "@weigh",
            "struct @chain *c",
            &format!("@link *n;\nint s = 1;\n{loop_}\nreturn s;"),
        );
        self.kits.push(Kit {
            declaration: vec!["struct @chain {h} = { NULL, NULL };".into()],
            values: vec![("@weigh(&{h})".into(), 0x7fff)],
            statements: vec![
                ("@attach(&{h}, {e});".into(), 100),
                ("@attach(&{h}, {e})->data ^= 1;".into(), 100),
                ("if ({h}.head)\n@detach(&{h}, {h}.head);".into(), 20),
                (
                    "if ({h}.tail && {h}.tail->prev)\n@detach(&{h}, {h}.tail->prev);".into(),
                    20,
                ),
            ],
            end: vec!["while ({h}.tail)".into(), "@detach(&{h}, {h}.tail);".into()],
        });
    }

    /// A stack whose functions a macro makes.
    pub fn macro_stack(&mut self) {
        let linkage = self.random.pick(&["static ", "static inline ", ""]);
        // Two files must not both define an external function.
        let linkage = if self.split {
            "static inline "
        } else {
            linkage
        };
        let unused = match !linkage.is_empty() && self.random.chance(1, 3) {
            true => "__attribute__((unused)) ",
            false => "",
        };
        self.macro_(&format!(
            "@STACK(name, type)\n\
             struct name {{ type v; struct name *below; }};\n\
             {unused}{linkage}struct name *name##_push(struct name *s, type v)\n\
             {{\n\
             struct name *n = malloc(sizeof(*n));\n\
             n->v = v;\n\
             n->below = s;\n\
             return n;\n\
             }}\n\
             {unused}{linkage}struct name *name##_pop(struct name *s)\n\
             {{\n\
             struct name *below = s->below;\n\
             free(s);\n\
             return below;\n\
             }}\n\
             {unused}{linkage}type name##_depth(struct name *s)\n\
             {{\n\
             type d = 0;\n\
             for (; s; s = s->below)\n\
             d++;\n\
             return d;\n\
             }}"
        ));
        let element = self.random.pick(&["int", "long", "unsigned"]);
        self.type_(&format!("@STACK(@stack, {element})"));
        self.kits.push(Kit {
            declaration: vec!["struct @stack *{h} = NULL;".into()],
            values: vec![
                ("(int)@stack_depth({h})".into(), 1023),
                ("({h} ? (int){h}->v : 0)".into(), 1023),
            ],
            statements: vec![
                ("{h} = @stack_push({h}, {e});".into(), 100),
                (
                    "if ({h}) {\n{x} = (int){h}->v;\n{h} = @stack_pop({h});\n}".into(),
                    20,
                ),
            ],
            end: vec!["while ({h})".into(), "{h} = @stack_pop({h});".into()],
        });
    }

    /// A search tree without recursion.
    pub fn search_tree(&mut self) {
        let kids = self.random.chance(1, 2);
        let (type_, left, right, side) = match kids {
            true => (
                "struct @tree {\nint key, times;\nstruct @tree *kid[2];\n};",
                "kid[0]",
                "kid[1]",
                "&(*link)->kid[key > (*link)->key]",
            ),
            false => (
                "struct @tree {\nint key;\nint times;\nstruct @tree *left, *right;\n};",
                "left",
                "right",
                "key < (*link)->key ? &(*link)->left : &(*link)->right",
            ),
        };
        self.type_(type_);
        let new = self.allocate("*link", "struct @tree", true, "return;");
        self.function(
            "void",
            "@insert",
            "struct @tree **link, int key",
            &format!(
                "while (*link && (*link)->key != key)\nlink = {side};\nif (*link == NULL) {{\n{new}\n(*link)->key = key;\n}}\n(*link)->times++;"
            ),
        );
        self.function(
            "struct @tree *",
            "@find",
            "struct @tree *t, int key",
            &format!(
                "while (t && t->key != key)\nt = key < t->key ? t->{left} : t->{right};\nreturn t;"
            ),
        );
        self.function(
            "int",
            "@lowest",
            "const struct @tree *t",
            &format!("if (!t)\nreturn 0;\nfor (; t->{left}; t = t->{left})\n;\nreturn t->key;"),
        );
        let free_loop = format!(
            "while ({{h}}) {{\nstruct @tree *{{n}} = {{h}};\nif ({{n}}->{left}) {{\n{{h}} = {{n}}->{left};\n{{n}}->{left} = {{h}}->{right};\n{{h}}->{right} = {{n}};\n}} else {{\n{{h}} = {{n}}->{right};\nfree({{n}});\n}}\n}}"
        );
        self.kits.push(Kit {
            declaration: vec!["struct @tree *{h} = NULL;".into()],
            values: vec![
                ("@lowest({h})".into(), 1023),
                ("(@find({h}, {e}) ? 1 : 0)".into(), 1),
                ("({h} ? {h}->times & 255 : 9)".into(), 255),
            ],
            statements: vec![
                ("@insert(&{h}, {e});".into(), 100),
                ("@insert(&{h}, {e} % 16);".into(), 100),
                (
                    "if (@find({h}, {r} & 15))\n@find({h}, {r} & 15)->times += 2;".into(),
                    20,
                ),
            ],
            end: free_loop
                .replace("{n}", "t")
                .lines()
                .map(str::to_owned)
                .collect(),
        });
    }
}
