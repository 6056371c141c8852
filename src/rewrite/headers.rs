//! The project's headers that a file includes, as far as they matter to its rewrite.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::conditionals::Conditionals;
use super::family::Alloc;
use super::lexer::{Kind, Lexed, Token, Tokens, lex, op};
use super::macros::header_name;
use super::outline::Outline;
use super::project::{Header, Project};

/// What a header of the project says about the allocator.
#[derive(Debug)]
pub struct HeaderInfo {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Arc<[u8]>,
    /// Its tokens, once somebody asked for them.
    tokens: OnceLock<Arc<Tokens>>,
    /// The headers it includes: name, and whether in angle brackets.
    pub includes: Vec<(String, bool)>,
    /// It defines or undefines a macro with a name of the allocator.
    pub maps: bool,
    /// The functions of the allocator that it defines itself, and whether only in some
    /// configurations.
    pub defines: Vec<(Alloc, bool)>,
    /// It mentions an allocation, in an inline function or a macro.
    pub allocates: bool,
    /// It includes the allocator's header.
    pub provides: bool,
}

impl HeaderInfo {
    fn new(header: &Header) -> Self {
        let bytes = &header.bytes;
        let mut info = Self {
            path: header.path.clone(),
            bytes: Arc::clone(bytes),
            tokens: OnceLock::new(),
            includes: Vec::new(),
            maps: false,
            defines: Vec::new(),
            allocates: false,
            provides: false,
        };
        let named = super::filter::mentions_family(bytes);
        if memchr::memmem::find(bytes, b"include").is_none() && !named {
            return info;
        }
        let lexed = lex(bytes);
        info.includes = includes(&lexed);
        info.provides = info
            .includes
            .iter()
            .any(|(name, _)| super::include::is_allocator_header(name));
        if named {
            info.look_closer(&lexed);
        }
        info
    }

    fn look_closer(&mut self, lexed: &Lexed) {
        let conditionals = Conditionals::new(lexed);
        let outline = Outline::new(lexed, &conditionals);
        self.defines = own_definitions(lexed, &conditionals, &outline);
        for directive in &lexed.directives {
            if let [word, name, ..] = lexed.inner_of(directive)
                && (lexed.is_ident(word, "define") || lexed.is_ident(word, "undef"))
            {
                self.maps |= Alloc::named(&lexed.text(name)).is_some();
            }
        }
        let calls = |tokens: &[Token]| {
            tokens.windows(2).any(|pair| {
                pair[0].kind == Kind::Ident && pair[1].is(op("(")) && {
                    let name = lexed.text(&pair[0]);
                    Alloc::named(&name)
                        .or_else(|| Alloc::replaced_by(&name))
                        .is_some()
                }
            })
        };
        self.allocates = calls(&lexed.tokens) || calls(&lexed.inner);
    }

    /// Its tokens. Those of the code between the directives are left out where it allocates
    /// nothing: most headers only matter for their macros.
    pub fn lexed(&self) -> Lexed<'_> {
        let tokens = self.tokens.get_or_init(|| {
            let lexed = lex(&self.bytes);
            match self.allocates {
                true => lexed.into_tokens(),
                false => lexed.directives_only(),
            }
        });
        Lexed::from_parts(&self.bytes, Arc::clone(tokens))
    }

    /// Whether the header says anything about the allocator.
    pub fn matters(&self) -> bool {
        self.maps || !self.defines.is_empty() || self.allocates || self.provides
    }
}

/// The headers that a file includes: name, and whether in angle brackets.
pub fn includes(lexed: &Lexed) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for directive in &lexed.directives {
        if let [word, name, ..] = lexed.inner_of(directive)
            && matches!(&*lexed.text(word), b"include" | b"include_next" | b"import")
            && let Some(name) = header_name(&lexed.text(name))
        {
            found.push(name);
        }
    }
    found
}

/// The functions of the allocator that a file defines itself, and whether only in some
/// configurations.
pub fn own_definitions(
    lexed: &Lexed,
    conditionals: &Conditionals,
    outline: &Outline,
) -> Vec<(Alloc, bool)> {
    let mut found = Vec::new();
    for function in outline.functions() {
        let Some(name) = outline.function_name(lexed, function) else {
            continue;
        };
        let token = &lexed.tokens[name];
        if let Some(function) = Alloc::named(&lexed.text(token)) {
            found.push((
                function,
                conditionals.enclosing(lexed, token.start).is_some(),
            ));
        }
    }
    found
}

/// What has been found out about headers in one run, by path. Safe to share between threads.
#[derive(Debug, Default)]
pub struct Cache {
    infos: RwLock<HashMap<PathBuf, Arc<HeaderInfo>>>,
    /// Whether a header, or any that it includes, matters.
    boring: RwLock<HashSet<PathBuf>>,
}

impl Cache {
    /// What is known of a header.
    pub fn info(&self, header: &Header) -> Arc<HeaderInfo> {
        let infos = self.infos.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(info) = infos.get(&header.path) {
            return Arc::clone(info);
        }
        drop(infos);
        let info = Arc::new(HeaderInfo::new(header));
        let mut infos = self.infos.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(infos.entry(header.path.clone()).or_insert(info))
    }

    fn is_boring(&self, path: &Path) -> bool {
        self.boring
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(path)
    }

    fn set_boring(&self, path: PathBuf) {
        self.boring
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path);
    }
}

/// The headers of the project that `from` includes, directly or through others, and that matter;
/// in the order in which the compiler meets them.
pub fn reachable(from: &Path, lexed: &Lexed, project: &dyn Project) -> Vec<Arc<HeaderInfo>> {
    let mut search = Search {
        project,
        seen: HashSet::from([from.to_path_buf()]),
        found: Vec::new(),
    };
    for name in project.forced_includes(from) {
        search.visit(from, &name, false, 0);
    }
    for (name, angled) in includes(lexed) {
        search.visit(from, &name, angled, 0);
    }
    search.found
}

/// How deep includes are followed.
const DEEP: usize = 60;

struct Search<'p> {
    project: &'p dyn Project,
    seen: HashSet<PathBuf>,
    found: Vec<Arc<HeaderInfo>>,
}

impl Search<'_> {
    /// Visits a header; whether it and all it includes are known to be without interest.
    fn visit(&mut self, from: &Path, name: &str, angled: bool, depth: usize) -> bool {
        let Some(header) = self.project.header(from, name, angled) else {
            return true;
        };
        let cache = self.project.cache();
        if cache.is_boring(&header.path) {
            return true;
        }
        if depth > DEEP || !self.seen.insert(header.path.clone()) {
            // Seen on the way here: whether it is boring may not be known yet.
            return false;
        }
        let info = cache.info(&header);
        let mut boring = !info.matters();
        if !boring {
            self.found.push(Arc::clone(&info));
        }
        for (name, angled) in &info.includes {
            boring &= self.visit(&info.path, name, *angled, depth + 1);
        }
        if boring {
            cache.set_boring(header.path);
        }
        boring
    }
}
