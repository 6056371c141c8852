//! What a unit's declarations and expressions mean: scopes, types, constants, calls.
//!
//! A [`Model`] is made once and answers questions after that. It reads the files it is told to
//! read in full; of all others (a `vmlinux.h` of 3 MB) only what those mention, when they
//! mention it.
//!
//! The rules are C23's with GNU's extensions as clang has them for BPF: `long` and pointers have
//! 8 bytes, plain `char` is signed. Where a program breaks a rule the model says what it can and
//! leaves the rest [`Type::Unknown`]; it never fails.

mod builtins;
mod calls;
mod declarations;
mod entity;
mod expressions;
mod initializers;
mod layout;
mod literals;
mod nodes;
mod places;
mod queries;
mod scope;
mod specifiers;
mod statements;
mod ty;
mod values;

#[cfg(test)]
mod tests;

pub use calls::{Call, FunctionInfo};
pub use entity::{Entity, EntityId, EntityKind, Storage};
pub use initializers::Target;
pub use nodes::Parent;
pub use places::Root;
pub use ty::{Enum, EnumId, Field, FieldRef, Layout, Record, RecordId, Type, TypeId};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::c::Symbol;
use crate::c::cpp::{FileId, Unit};
use crate::c::syntax::Reader;
use crate::c::syntax::tree::{ExprId, FunctionId, ItemKind, Tree};
use scope::{Scope, Scopes, Tag};

/// All that is known of a unit.
pub struct Model<'u> {
    /// The unit.
    pub unit: &'u Unit,
    /// What was read of it.
    pub tree: Tree,
    /// What names stand for.
    pub entities: Vec<Entity>,
    /// The structures and unions.
    pub records: Vec<Record>,
    /// The enumerations.
    pub enums: Vec<Enum>,
    reader: Reader<'u>,
    types: ty::Types,
    nodes: nodes::Nodes,
    functions: Vec<FunctionInfo>,
    /// The names of the file.
    file: Scope,
    /// By external declaration: it was read.
    done: Vec<bool>,
    /// By entity: the expressions that name it.
    uses: Vec<Vec<ExprId>>,
    unresolved: Vec<ExprId>,
    targets: FxHashMap<ExprId, Target>,
    address_taken: FxHashSet<EntityId>,
    components: calls::Components,
    /// What was looked for in parts of files that were not read.
    missing: FxHashSet<Symbol>,
    /// By file: whether all of it is read, not only what is used of it.
    eager: Vec<bool>,
}

impl<'u> Model<'u> {
    /// Reads the external declarations in files for which `eager` holds, and what they mention of
    /// other files. Linear in the number of tokens of the unit, and in what is read of the tree.
    pub fn new(unit: &'u Unit, eager: &dyn Fn(FileId) -> bool) -> Self {
        let reader = Reader::new(unit);
        let count = reader.items().len();
        let mut model = Self {
            unit,
            tree: Tree::default(),
            entities: Vec::new(),
            records: Vec::new(),
            enums: Vec::new(),
            reader,
            types: ty::Types::new(),
            nodes: nodes::Nodes::default(),
            functions: Vec::new(),
            file: Scope::default(),
            done: vec![false; count],
            uses: Vec::new(),
            unresolved: Vec::new(),
            targets: FxHashMap::default(),
            address_taken: FxHashSet::default(),
            components: calls::Components::default(),
            missing: FxHashSet::default(),
            eager: (0..unit.files.len() as u32)
                .map(|f| eager(FileId(f)))
                .collect(),
        };
        let mut builder = Builder::new(&mut model);
        for item in 0..count {
            let toks = builder.m.reader.items()[item].toks;
            let tokens = &unit.tokens[toks.start..toks.end];
            let files = tokens.iter().map(|t| unit.visible_loc(t).file);
            if { files }.any(eager) {
                builder.item(item as u32);
            }
        }
        model.finish();
        model
    }

    /// Whether all of a file is read, not only what others use of it.
    pub fn is_eager(&self, file: FileId) -> bool {
        self.eager.get(file.0 as usize) == Some(&true)
    }

    /// The names that were looked for in what was not read of the files ([`Unit::spells`]). If there
    /// are any, what they mean is not known.
    pub fn missing(&self) -> impl Iterator<Item = &'u [u8]> {
        let unit = self.unit;
        self.missing.iter().map(|name| unit.symbols.text(*name))
    }

    /// Reads what is missing to know the size of a type: the definitions of its records, and of
    /// those they consist of.
    pub fn complete(&mut self, ty: TypeId) {
        Builder::new(self).complete_value(ty);
        self.finish();
    }

    /// Reads the definition of a record, if there is one.
    pub fn complete_record(&mut self, record: RecordId) {
        Builder::new(self).complete_record(record);
        self.finish();
    }
}

/// Reads declarations into a model.
struct Builder<'m, 'u> {
    m: &'m mut Model<'u>,
    /// The scopes inside the file's.
    scopes: Scopes,
    /// The function whose body is being read.
    function: Option<FunctionId>,
    /// The external declaration that is being read: names see those before it.
    item: u32,
    /// It is read because something mentions it.
    on_demand: bool,
}

impl<'m, 'u> Builder<'m, 'u> {
    fn new(m: &'m mut Model<'u>) -> Self {
        Self {
            m,
            scopes: Scopes::default(),
            function: None,
            item: u32::MAX,
            on_demand: false,
        }
    }

    /// Reads an external declaration, unless it was read before.
    fn item(&mut self, item: u32) {
        if std::mem::replace(&mut self.m.done[item as usize], true) {
            return;
        }
        let scopes = std::mem::take(&mut self.scopes);
        let function = self.function.take();
        let before = std::mem::replace(&mut self.item, item);
        let read = self.m.reader.read(&mut self.m.tree, item);
        self.m.nodes.grow(&self.m.tree);
        match read.kind {
            ItemKind::Function(function) => self.function(function, Parent::Unit),
            ItemKind::Decl(decl) => self.declaration(decl, Parent::Unit),
            ItemKind::Unknown => {}
        }
        self.scopes = scopes;
        self.function = function;
        self.item = before;
    }

    /// Reads the declarations before this one that may declare a name of the file, until `found`.
    fn read_until<T>(&mut self, name: Symbol, found: impl Fn(&Self) -> Option<T>) -> Option<T> {
        if let Some(it) = found(self) {
            return Some(it);
        }
        if self.m.reader.leaves_out(name, self.item) {
            self.m.missing.insert(name);
        }
        let naming = self.m.reader.naming(name).len();
        for index in 0..naming {
            if let Some(it) = found(self) {
                return Some(it);
            }
            let item = self.m.reader.naming(name)[index];
            if item < self.item {
                let before = std::mem::replace(&mut self.on_demand, true);
                self.item(item);
                self.on_demand = before;
            }
        }
        found(self)
    }

    /// What a name of the file stands for.
    fn file_name(&mut self, name: Symbol) -> Option<EntityId> {
        self.read_until(name, |b| b.m.file.names.get(&name).copied())
    }

    /// What a name stands for here.
    fn name(&mut self, name: Symbol) -> Option<EntityId> {
        let inner = self.scopes.name(name);
        inner.or_else(|| self.file_name(name))
    }

    /// What a tag stands for here. Does not read the definition of a record.
    fn tag(&mut self, tag: Symbol) -> Option<Tag> {
        let inner = self.scopes.tag(tag);
        inner.or_else(|| self.m.file.tags.get(&tag).copied())
    }

    /// The innermost scope.
    fn scope(&mut self) -> &mut Scope {
        self.scopes.0.last_mut().unwrap_or(&mut self.m.file)
    }

    /// A new entity.
    fn add(&mut self, entity: Entity) -> EntityId {
        self.m.entities.push(entity);
        self.m.uses.push(Vec::new());
        EntityId(self.m.entities.len() as u32 - 1)
    }

    /// Reads the definition of a record, if there is one before this place.
    fn complete_record(&mut self, record: RecordId) {
        let known = &self.m.records[record.0 as usize];
        let Some(tag) = known.tag.filter(|_| known.fields.is_none()) else {
            return;
        };
        if !known.at_file_scope {
            return;
        }
        self.read_until(tag, |b| {
            let fields = &b.m.records[record.0 as usize].fields;
            fields.is_some().then_some(())
        });
    }

    /// Reads what is missing to know the size of a type, and lays its records out.
    fn complete_value(&mut self, ty: TypeId) {
        let mut seen = FxHashSet::default();
        let mut path: Vec<(RecordId, bool)> = Vec::new();
        path.extend(self.m.record_within(ty).map(|record| (record, false)));
        while let Some((record, inside_known)) = path.pop() {
            let at = record.0 as usize;
            if inside_known {
                self.m.records[at].layout = self.m.lay_out(record);
                continue;
            }
            if self.m.records[at].layout.is_some() || !seen.insert(record) {
                continue;
            }
            self.complete_record(record);
            path.push((record, true));
            let fields = self.m.records[at].fields.iter().flatten();
            let inside = fields.filter_map(|field| self.m.record_within(field.ty));
            path.extend(inside.map(|record| (record, false)));
        }
    }
}
