//! The project's headers that a file includes, as far as they matter to its rewrite.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::family::Alloc;
use super::outline::Outline;
use super::project::{Header, Project};
use crate::c::conditionals::Conditionals;
use crate::c::directives::{Word, header_name};
use crate::c::lexer::{Kind, Lexed, Token, Tokens, lex, op};

/// What a header of the project says about the allocator.
#[derive(Debug)]
pub struct HeaderInfo {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds, if it [matters](Self::matters); else nothing: there are many of those.
    pub bytes: Arc<[u8]>,
    /// Its tokens with the bytes that they are of, once somebody asked for them.
    tokens: OnceLock<(Arc<[u8]>, Arc<Tokens>)>,
    /// The headers it includes: name, and whether in angle brackets.
    pub includes: Vec<(String, bool)>,
    /// It defines or undefines a macro with a name of the allocator.
    pub maps: bool,
    /// The functions of the allocator that it defines itself, and whether only in some
    /// configurations.
    pub defines: Vec<(Alloc, bool)>,
    /// The macros that are other names of functions of the allocator: `#define my_free free`.
    pub aliases: Vec<Vec<u8>>,
    /// It mentions an allocation, in an inline function or a macro.
    pub allocates: bool,
    /// It includes the allocator's header.
    pub provides: bool,
    /// It chooses the arena for whoever includes it.
    pub arena: bool,
    /// It says by itself that it is code for BPF.
    pub bpf: bool,
}

impl HeaderInfo {
    fn new(header: &Header) -> Self {
        let (path, bytes) = (&header.path, &header.bytes);
        let mut info = Self {
            path: path.clone(),
            bytes: Arc::default(),
            tokens: OnceLock::new(),
            includes: Vec::new(),
            maps: false,
            defines: Vec::new(),
            aliases: Vec::new(),
            allocates: false,
            provides: false,
            arena: false,
            bpf: super::reach::is_named(path),
        };
        let named = super::filter::mentions_family(bytes);
        let marked = super::reach::may_be_bpf(bytes);
        let includes_some = memchr::memmem::find(bytes, b"include").is_some();
        if super::reach::is_kernel_types(path, bytes) || !(named || marked || includes_some) {
            return info;
        }
        if !named && !marked {
            info.includes = included(bytes);
        } else {
            info.read(&lex(bytes), named, marked);
        }
        let allocators = |(name, _): &(String, bool)| super::include::is_allocator_header(name);
        info.provides = info.includes.iter().any(allocators);
        info.arena = info.provides && super::arena::is_chosen(bytes);
        if info.matters() {
            info.bytes = Arc::clone(bytes);
        }
        info
    }

    fn read(&mut self, lexed: &Lexed, named: bool, marked: bool) {
        self.bpf |= marked && super::reach::is_marked_lexed(lexed);
        self.includes = includes(lexed);
        if named {
            self.look_closer(lexed);
        }
    }

    fn look_closer(&mut self, lexed: &Lexed) {
        for directive in &lexed.directives {
            if let (Word::Define | Word::Undef, [name, ..]) =
                Word::of_line(lexed, lexed.inner_of(directive))
            {
                self.maps |= Alloc::named(&lexed.text(name)).is_some();
            }
            if let (Word::Define, [name, body]) = Word::of_line(lexed, lexed.inner_of(directive))
                && name.end < body.start
                && Alloc::named(&lexed.text(body)).is_some()
                && Alloc::named(&lexed.text(name)).is_none()
            {
                self.aliases.push(lexed.text(name).into_owned());
            }
        }
        let calls = |tokens: &[Token]| {
            let is_member = |at: usize| {
                let before = at.checked_sub(1).map(|before| &tokens[before]);
                before.is_some_and(|t| t.is(op(".")) || t.is(op("->")))
            };
            tokens.windows(2).enumerate().any(|(at, pair)| {
                pair[0].kind == Kind::Ident && pair[1].is(op("(")) && !is_member(at) && {
                    let name = lexed.text(&pair[0]);
                    Alloc::named(&name)
                        .or_else(|| Alloc::replaced_by(&name))
                        .is_some()
                }
            })
        };
        let called = calls(&lexed.tokens);
        // What defines one of the functions looks like a call of it, for a start. Most headers have
        // neither, and the kernel's types are millions of bytes.
        if called {
            let conditionals = Conditionals::new(lexed);
            let outline = Outline::new(lexed, &conditionals);
            self.defines = own_definitions(lexed, &conditionals, &outline);
        }
        self.allocates = called || calls(&lexed.inner);
    }

    /// Its tokens, where `bytes` are what it holds. Those of the code between the directives are left
    /// out where it allocates nothing: most headers only matter for their macros.
    pub fn lexed(&self, bytes: &Arc<[u8]>) -> Lexed<'_> {
        let (bytes, tokens) = self.tokens.get_or_init(|| {
            let lexed = lex(bytes);
            let tokens = match self.allocates {
                true => lexed.into_tokens(),
                false => lexed.directives_only(),
            };
            (Arc::clone(bytes), tokens)
        });
        Lexed::from_parts(bytes, Arc::clone(tokens))
    }

    /// Whether the header says anything about the allocator.
    pub fn matters(&self) -> bool {
        !self.aliases.is_empty()
            || self.maps
            || !self.defines.is_empty()
            || self.allocates
            || self.provides
    }
}

/// The headers that a file includes: name, and whether in angle brackets. Reads only as much of the
/// file as has directives that include: the start of most.
pub fn included(source: &[u8]) -> Vec<(String, bool)> {
    if super::filter::spliced_word(source) {
        return includes(&lex(source));
    }
    // Behind a `#`, with blanks, comments or line splices between.
    let is_word = |at: &usize| {
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\x0b' | b'\x0c' | 0);
        let before = source[..*at].iter().rev().find(|byte| !blank(byte));
        matches!(before, Some(b'#' | b':' | b'/' | b'\n' | b'\r'))
    };
    // Not from the end: that search is not made for many bytes at once, and the first includes are at
    // the start in any case.
    let last = |word: &[u8]| {
        memchr::memmem::find_iter(source, word)
            .filter(is_word)
            .last()
    };
    let Some(last) = last(b"include").max(last(b"import")) else {
        return Vec::new();
    };
    // The line may go on.
    let mut end = last;
    while let Some(skip) = memchr::memchr2(b'\n', b'\r', &source[end..]) {
        let spliced = source[..end + skip].trim_ascii_end().ends_with(b"\\");
        end += skip + 1;
        if !spliced {
            break;
        }
    }
    if memchr::memchr2(b'\n', b'\r', &source[last..end]).is_none() {
        end = source.len();
    }
    includes(&lex(&source[..end]))
}

/// The headers that a file includes: name, and whether in angle brackets.
pub fn includes(lexed: &Lexed) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for directive in &lexed.directives {
        if let (word, [name, ..]) = Word::of_line(lexed, lexed.inner_of(directive))
            && word.includes()
            && let Some((name, angled)) = header_name(&lexed.text(name))
        {
            found.push((name.to_owned(), angled));
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
    /// Which headers include which.
    pub graph: Arc<super::reach::Graph>,
    /// Headers in tokens, for the preprocessor.
    pub sources: crate::c::cpp::Cache,
    /// The files of the run, preprocessed and read.
    pub files: super::parsed::Store,
    /// What they want of the kernel's types.
    pub wanted: super::parsed::Wants,
    /// What they have to do with each other.
    pub links: super::arena::Known,
}

impl Cache {
    /// What stays known where files of the run change, but none of their includes does.
    pub fn with_includes(&self) -> Self {
        Self {
            graph: Arc::clone(&self.graph),
            ..Self::default()
        }
    }

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

    fn set_boring(&self, paths: impl Iterator<Item = PathBuf>) {
        self.boring
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(paths);
    }
}

/// The headers of the project that `from` includes, directly or through others, and that matter;
/// in the order in which the compiler meets them.
pub fn reachable(from: &Path, lexed: &Lexed, project: &dyn Project) -> Vec<Arc<HeaderInfo>> {
    let mut search = Search {
        project,
        seen: HashMap::new(),
        edges: Vec::new(),
        found: Vec::new(),
    };
    let top = search.enter(from.to_path_buf());
    // The file itself was not judged.
    search.edges[top].1 = true;
    for name in project.forced_includes(from) {
        search.visit(top, from, &name, false, 0);
    }
    for (name, angled) in includes(lexed) {
        search.visit(top, from, &name, angled, 0);
    }
    search.note_boring()
}

/// How deep includes are followed.
const DEEP: usize = 60;

struct Search<'p> {
    project: &'p dyn Project,
    /// Numbers of the files on the way.
    seen: HashMap<PathBuf, usize>,
    /// By number: who includes the file, and whether it is worth looking at again.
    edges: Vec<(Vec<usize>, bool)>,
    found: Vec<Arc<HeaderInfo>>,
}

impl Search<'_> {
    fn enter(&mut self, path: PathBuf) -> usize {
        self.seen.insert(path, self.edges.len());
        self.edges.push((Vec::new(), false));
        self.edges.len() - 1
    }

    /// Visits a header that the file with the number `by` includes.
    fn visit(&mut self, by: usize, from: &Path, name: &str, angled: bool, depth: usize) {
        let Some(header) = self.project.header(from, name, angled) else {
            return;
        };
        if let Some(&known) = self.seen.get(&header.path) {
            self.edges[known].0.push(by);
            return;
        }
        let cache = self.project.cache();
        if cache.is_boring(&header.path) {
            return;
        }
        if depth > DEEP {
            // Nobody looked at what follows here.
            self.edges[by].1 = true;
            return;
        }
        let info = cache.info(&header);
        let number = self.enter(header.path);
        self.edges[number].0.push(by);
        if info.matters() {
            self.edges[number].1 = true;
            self.found.push(Arc::clone(&info));
        }
        for (name, angled) in &info.includes {
            self.visit(number, &info.path, name, *angled, depth + 1);
        }
    }

    /// What leads nowhere need not be followed for the next file.
    fn note_boring(mut self) -> Vec<Arc<HeaderInfo>> {
        let mut open: Vec<usize> = (0..self.edges.len()).filter(|&n| self.edges[n].1).collect();
        while let Some(number) = open.pop() {
            for by in std::mem::take(&mut self.edges[number].0) {
                if !std::mem::replace(&mut self.edges[by].1, true) {
                    open.push(by);
                }
            }
        }
        let edges = &self.edges;
        let boring = self
            .seen
            .into_iter()
            .filter(|(_, number)| !edges[*number].1);
        self.project
            .cache()
            .set_boring(boring.map(|(path, _)| path));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_file_tells_what_it_includes() {
        for text in [
            "#include <a.h>\nint x; // include \"no.h\"\n # include \"b.h\" /* a\n */\nint include;\n",
            "#include \\\n <a.h>\nint y;",
            "# /* c */ include_next <a.h>\r\nchar *s = \"\\\n#include <b.h>\\\n\";\n%:include <c.h>",
            "#\\\ninclude <a.h>\n/*\n#include <no.h>\n*/ int z;\n",
            "#incl\\\nude <a.h>\nint z;\n#import \"b.h\"\nint w;",
            "#if 0\n#include <a.h>\n#endif\n#include MACRO\n#include \"open\nint x;",
            "int include, import;\n",
            "",
        ] {
            let lexed = lex(text.as_bytes());
            assert_eq!(included(text.as_bytes()), includes(&lexed), "{text}");
        }
    }
}
