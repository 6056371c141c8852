//! The file that is planned and the headers of the project it includes, as the analysis sees them.

use std::collections::HashSet;

use super::super::family::Alloc;
use super::super::outline::Outline;
use crate::c::conditionals::Conditionals;
use crate::c::lexer::{Kind, Lexed, Token};

/// One file.
#[derive(Debug)]
pub struct File<'a> {
    /// Its tokens.
    pub lexed: &'a Lexed<'a>,
    /// Its conditional groups.
    pub conditionals: &'a Conditionals,
    /// Its brackets.
    pub outline: &'a Outline,
    /// Offsets of the identifiers that are calls of the C library's allocator.
    pub calls: HashSet<usize>,
}

/// The planned file, and then its headers.
#[derive(Debug)]
pub struct Files<'a> {
    list: Vec<File<'a>>,
}

impl<'a> Files<'a> {
    /// The files; the first is the planned one.
    pub fn new(list: Vec<File<'a>>) -> Self {
        Self { list }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The file with this index.
    pub fn get(&self, file: usize) -> &File<'a> {
        &self.list[file]
    }

    /// The function of the allocator that a token calls: one that is rewritten, or a replacement
    /// that stands there already.
    pub fn site(&self, file: usize, token: &Token) -> Option<Alloc> {
        if token.kind != Kind::Ident {
            return None;
        }
        self.call(file, token.start, &self.list[file].lexed.text(token))
    }

    /// The same by offset and name.
    pub fn call(&self, file: usize, start: usize, name: &[u8]) -> Option<Alloc> {
        if let Some(replaced) = Alloc::replaced_by(name) {
            return Some(replaced);
        }
        let call = Alloc::named(name)?;
        self.list[file].calls.contains(&start).then_some(call)
    }
}
