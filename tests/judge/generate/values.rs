//! Structures as values: copied, given, returned and chosen, between blocks and the stack.

use super::{Generator, Kit};

impl Generator {
    /// A block of structures that are copied as a whole. Not for two files: BPF gives no structure by value
    /// from one object to another.
    pub fn pieces(&mut self) {
        self.include("string.h");
        self.type_("struct @piece {\nint key;\nint data[3];\nstruct @piece *link;\n};");
        self.type_("struct @couple {\nstruct @piece a;\nstruct @piece *b;\nint n;\n};");
        self.piece_functions();
        let all = [
            "{h}[{e} & 3] = @piece_make(5, {h});",
            "{h}[1] = @piece_make({e}, &{h}[2]);",
            "{\nstruct @piece {n} = {h}[1];\n{n}.data[{e} % 3] = 5;\n{h}[2] = {n};\n{x} = @piece_sum({n});\n}",
            "@piece_swap(&{h}[0], &{h}[3]);",
            "{\nstruct @piece {n}[2] = { {h}[0] }, *{n}p = {n};\n@piece_swap({n}p, {h} + 1);\n{x} = @piece_sum(*{n}p);\n}",
            "{\nstruct @couple {n} = @couple_of({h}, &{h}[2]);\n{n}.b->key = {n}.a.key;\n{x} = ({n}.n + @piece_sum({n}.a)) & 0x7fff;\n}",
            "@piece_later(&{h}[0], &{h}[1])->data[1] = {e};",
            "{x} = @piece_sum(*@piece_later({h}, {h} + 2));",
            "{\nstruct @piece {n}a = {h}[0], {n}b = {h}[1], {n}c;\n{n}c = {e} & 1 ? {n}a : {n}b;\n{x} = @piece_sum({n}c);\n}",
            "{\nstruct @piece {n}[3];\n@piece_fill({n}, {h}, 3);\n{x} = @piece_sum({n}[2]);\n@piece_fill({h} + 1, {n}, 2);\n}",
            "memmove({h}, {h} + 1, 3 * sizeof(*{h}));",
            "{\nstruct @piece *{n} = malloc(sizeof(*{n}));\nif ({n}) {\n*{n} = *{h};\n{n}->key = {e};\n{h}[1] = *{n};\nfree({n});\n}\n}",
            "{\nstatic struct @piece {n};\n{n}.key = ({n}.key + 1) & 1023;\n{h}[0].key = {n}.key;\n{x} = @piece_sum({n});\n}",
            "{\nstruct {\nstruct @piece i;\nint n;\n} {n} = { {h}[0], 3 };\n{x} = ({n}.i.key + {n}.n) & 0x7fff;\n}",
            "{\nstruct @piece {n} = {h}[0], *{n}p = {e} & 1 ? &{n} : &{h}[1];\n{n}p->key = 7;\n{x} = @piece_sum({n});\n}",
            "{\nstruct @piece {n} = *{h};\nstruct @piece {n}l[2] = { {n}, { .key = 4 } };\n{n}l[1].link = &{n}l[0];\n{x} = ({n}l[1].link->key + @piece_sum({n}l[0])) & 0x7fff;\n}",
            "{\nstruct @couple {n} = { *{h}, {h} + 1, 2 }, *{n}p = &{n};\n{n}p->a = *{n}p->b;\n{x} = (@piece_sum({n}p->a) + {n}p->n) & 0x7fff;\n}",
            "{\nstruct @couple {n} = { .a = @piece_make(3, {h}), .b = {h} };\n*{n}.b = {n}.a;\n}",
        ];
        let statements = (0..8)
            .map(|_| (self.random.pick(&all).to_owned(), 150))
            .collect();
        self.kits.push(Kit {
            declaration: vec![
                "struct @piece *{h} = calloc(4, sizeof(*{h}));".into(),
                "{h}[3] = @piece_make(2, {h});".into(),
            ],
            values: vec![
                ("@piece_sum({h}[1])".into(), 0x7fff),
                ("({h}[2].key & 1023)".into(), 1023),
                ("@piece_later({h}, {h} + 3)->data[0]".into(), 1023),
            ],
            statements,
            end: vec!["free({h});".into()],
        });
    }

    fn piece_functions(&mut self) {
        let make = self.random.pick(&[
            "struct @piece item = { key & 1023, { 1, 2, key & 15 }, link };\nreturn item;",
            "return (struct @piece){ .key = key & 1023, .data = { [2] = key & 7 }, .link = link };",
            "struct @piece item;\nmemset(&item, 0, sizeof(item));\nitem.key = key & 1023;\nitem.link = link;\nreturn item;",
        ]);
        self.function(
            "struct @piece",
            "@piece_make",
            "int key, struct @piece *link",
            make,
        );
        let sum = self.random.pick(&[
            "return (item.key + item.data[0] * 3 + item.data[1] * 5 + item.data[2] * 7 + (item.link ? item.link->key : 9)) & 0x7fff;",
            "int i, sum = item.key;\nfor (i = 0; i < 3; i++)\nsum = (sum * 3 + item.data[i]) & 0x7fff;\nreturn sum;",
        ]);
        self.function("int", "@piece_sum", "struct @piece item", sum);
        self.function(
            "void",
            "@piece_swap",
            "struct @piece *a, struct @piece *b",
            "struct @piece t = *a;\n*a = *b;\n*b = t;",
        );
        self.function(
            "struct @couple",
            "@couple_of",
            "struct @piece *a, struct @piece *b",
            "struct @couple pair = { *a, b, a->key };\nreturn pair;",
        );
        self.function(
            "struct @piece *",
            "@piece_later",
            "struct @piece *a, struct @piece *b",
            "return a->key > b->key ? a : b;",
        );
        let fill = self.random.pick(&[
            "while (n--)\n*to++ = *from++;",
            "int i;\nfor (i = 0; i < n; i++)\nto[i] = from[i];",
            "memcpy(to, from, n * sizeof(*to));",
        ]);
        self.function(
            "void",
            "@piece_fill",
            "struct @piece *to, const struct @piece *from, int n",
            fill,
        );
    }
}
