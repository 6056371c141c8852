use std::collections::HashMap;
use std::path::Path;

use super::*;
use crate::c::cpp::{Cache, Included, Includes, Kept, Setup, preprocess};
use crate::c::syntax::tree::{DeclaratorId, Toks};

mod calls;
mod constants;
mod initializers;
mod names;
mod on_demand;
mod parts;
mod records;
mod types;

struct Memory(HashMap<&'static str, &'static str>);

impl Includes for Memory {
    fn find(&self, _: &Path, name: &str, _: bool, _: bool) -> Option<Included> {
        let text = self.0.get(name)?;
        Some(Included {
            path: Path::new("include").join(name),
            bytes: text.as_bytes().into(),
            project: false,
            large: false,
        })
    }
}

fn preprocessed(source: &str, headers: &[(&'static str, &'static str)]) -> Unit {
    let setup = Setup {
        includes: &Memory(headers.iter().copied().collect()),
        command_line: &[],
        forced: &[],
        kept: Kept::default(),
        wanted: None,
        cache: &Cache::default(),
    };
    preprocess(Path::new("a.c"), source.as_bytes(), &setup)
}

fn unit(source: &str) -> Unit {
    preprocessed(source, &[])
}

fn model(unit: &Unit) -> Model<'_> {
    Model::new(unit, &|_| true)
}

impl Model<'_> {
    fn spelled(&self, toks: Toks) -> String {
        let tokens = &self.unit.tokens[toks.start..toks.end];
        let texts = tokens
            .iter()
            .map(|t| String::from_utf8_lossy(self.unit.text(t)));
        texts.collect::<Vec<_>>().join(" ")
    }

    /// All expressions with this spelling; a blank between each two tokens.
    fn exprs(&self, spelling: &str) -> Vec<ExprId> {
        let all = (0..self.tree.exprs.len() as u32).map(ExprId);
        all.filter(|&e| self.spelled(self.tree[e].toks) == spelling)
            .collect()
    }

    fn expr(&self, spelling: &str) -> ExprId {
        let found = self.exprs(spelling);
        assert!(!found.is_empty(), "no expression `{spelling}`");
        found[0]
    }

    /// The only declarator of a name that is not a prototype's parameter.
    fn declarators(&self, name: &str) -> Vec<DeclaratorId> {
        let all = (0..self.tree.declarators.len() as u32).map(DeclaratorId);
        let named = |d: &DeclaratorId| {
            let name_of = self.tree[*d].name.map(|(n, _)| self.unit.symbols.text(n));
            name_of == Some(name.as_bytes())
        };
        all.filter(named).collect()
    }

    fn entity_named(&self, name: &str) -> EntityId {
        let found: Vec<_> = self.entities_named(name);
        assert_eq!(found.len(), 1, "{} entities `{name}`", found.len());
        found[0]
    }

    fn entities_named(&self, name: &str) -> Vec<EntityId> {
        let all = (0..self.entities.len() as u32).map(EntityId);
        all.filter(|&e| self.unit.symbols.text(self[e].name) == name.as_bytes())
            .collect()
    }

    fn record_named(&self, tag: &str) -> RecordId {
        let at = self.records.iter().position(|r| {
            r.tag
                .is_some_and(|t| self.unit.symbols.text(t) == tag.as_bytes())
        });
        RecordId(at.expect("a record") as u32)
    }

    fn shown(&self, ty: TypeId) -> String {
        match &self[ty] {
            Type::Unknown => "?".into(),
            Type::Void => "void".into(),
            Type::Number(n) => {
                let letter = match (n.boolean, n.floating, n.unsigned) {
                    (true, ..) => "b",
                    (_, true, _) => "f",
                    (_, _, true) => "u",
                    _ => "i",
                };
                format!("{letter}{}", 8 * u32::from(n.size))
            }
            Type::Enum(_) => "enum".into(),
            Type::Pointer { to } => format!("{}*", self.shown(*to)),
            Type::Array { of, len, variable } => {
                let len = match (len, variable) {
                    (Some(len), _) => len.to_string(),
                    (None, true) => "?".into(),
                    (None, false) => String::new(),
                };
                format!("{}[{len}]", self.shown(*of))
            }
            Type::Function {
                ret,
                params,
                variadic,
                prototyped,
            } => {
                let mut list: Vec<_> = params.iter().map(|&p| self.shown(p)).collect();
                if *variadic {
                    list.push("...".into());
                }
                if !prototyped {
                    list.push("?".into());
                }
                format!("{}({})", self.shown(*ret), list.join(","))
            }
            Type::Record(id) => match self[*id].tag {
                Some(tag) => String::from_utf8_lossy(self.unit.symbols.text(tag)).into_owned(),
                None => "{}".into(),
            },
        }
    }

    /// The type of the expression with this spelling.
    fn ty(&self, spelling: &str) -> String {
        self.shown(self.type_of(self.expr(spelling)))
    }

    /// The type of an entity.
    fn of(&self, name: &str) -> String {
        self.shown(self[self.entity_named(name)].ty)
    }
}
