//! Refusals of what calls itself, whatever the kernel stumbles over first.

use std::mem;

use super::refusal::{Explained, Place};
use crate::c::cpp::FileId;
use crate::c::types::Model;
use crate::judge::explain::Kind;
use crate::rewrite::{Alone, preprocess};

impl Explained {
    /// Says that the program calls itself, if that was found: it comes before everything else.
    pub fn is_recursion(&mut self, found: Vec<Self>) {
        let recursion = found.into_iter().find(|one| one.kind == Kind::Recursion);
        if let Some(recursion) = recursion {
            self.because(&recursion.message);
            self.place = recursion.place;
        } else if matches!(self.kind, Kind::TooManyInstructions | Kind::UnboundedLoop)
            && let Some(name) = self.place.as_ref().and_then(calls_itself)
        {
            // The object has no such call any more.
            self.because(&format!("{name} calls itself, of which clang made a loop"));
        }
    }

    fn because(&mut self, message: &str) {
        let said = mem::replace(&mut self.message, message.to_owned());
        let by = match said.starts_with("libbpf: ") {
            true => "",
            false => "the kernel says: ",
        };
        self.message += &format!("; {by}{said}");
        self.kind = Kind::Recursion;
    }
}

/// The function around a place, if it calls itself, directly or through others.
fn calls_itself(place: &Place) -> Option<String> {
    let span = place.span()?;
    let unit = preprocess(&place.path, place.source.as_bytes(), &Alone::default());
    let model = Model::new(&unit, &|_| true);
    let around = model.components().iter().flatten().find(|&&function| {
        let toks = &model.tree[function].toks;
        let mut places = unit.tokens[toks.start..toks.end]
            .iter()
            .map(|token| token.loc);
        model.is_recursive(function)
            && places.any(|loc| loc.file == FileId::MAIN && span.contains(&(loc.start as usize)))
    })?;
    let entity = model.info(*around).entity?;
    Some(String::from_utf8_lossy(unit.symbols.text(model[entity].name)).into_owned())
}
