//! What comes before the rewrite proper: calls and addresses that BPF does not have become what it has,
//! step by step, each on the text that the one before it leaves.
//!
//! A step may have to change headers together with the file: what calls through a pointer and what sets
//! it. So a run first has the [`lower`]ed texts of the units that need this, and makes everything else
//! from those. Where no run stands behind a plan, such a step is left out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use super::calls::Changed;
use super::calls::{INLINED, LABELS, LENT, PASSED, POINTERS, RECURSION, Stage, Staged};
use super::filled::FILLED;
use super::plan::{Edit, Notice, Severity};
use super::{
    Backend, Cache, CommandLineMacro, Facts, Header, Options, Plan, Project, Recursion, arena,
    calls as allocates, compose, may_be_arena, mentions_others, reread,
};
use crate::c::Span;

/// A unit on its way through the steps.
pub(super) struct Stages<'a> {
    path: &'a Path,
    source: &'a [u8],
    options: &'a Options,
    /// What has become of the file itself.
    plan: Plan,
    /// The rest of the project, with what has become of the headers.
    overlay: Overlay<'a>,
    /// Headers may change, too.
    lowering: bool,
}

impl<'a> Stages<'a> {
    pub fn new(
        path: &'a Path,
        source: &'a [u8],
        project: &'a dyn Project,
        options: &'a Options,
    ) -> Self {
        Self {
            path,
            source,
            options,
            plan: Plan::default(),
            overlay: Overlay::new(project),
            lowering: false,
        }
    }

    /// The file as the steps so far leave it.
    pub fn text(&self) -> Cow<'a, [u8]> {
        match self.plan.changes() {
            true => Cow::Owned(self.plan.apply(self.source)),
            false => Cow::Borrowed(self.source),
        }
    }

    /// What the steps come to, if they came to anything.
    pub fn into_plan(self) -> Option<Plan> {
        (self.plan.changes() || !self.plan.notices().is_empty()).then_some(self.plan)
    }

    /// Numbers for labels and for pointers to functions, and what sets addresses in data, if the file
    /// allocates.
    pub fn addresses(&mut self) {
        let stored = self.options.backend == Backend::Stored
            || memchr::memmem::find(self.source, arena::DEFINE_STORED.as_bytes()).is_some();
        if stored || !self.is_mine() {
            return;
        }
        for stage in [LABELS, LENT, POINTERS, FILLED] {
            let staged = stage.plan(self.path, &self.text(), &self.overlay);
            self.add(&stage, staged);
        }
    }

    /// Loops in the place of functions that call each other in circles, if the file allocates.
    ///
    /// Calls that are the last thing a function does need no frame, and perhaps no loop: clang makes
    /// some of them itself. So they stay where nothing else needs the arena.
    pub fn loops(&mut self) {
        let text = self.text();
        let off = self.options.recursion == Recursion::Off;
        if off || !may_be_arena(&text, self.options) || !self.is_mine() {
            return;
        }
        let staged = RECURSION.plan(self.path, &text, &self.overlay);
        let chosen = self.overlay.facts().links.chooses(self.path);
        let arena = || arena::plan(self.path, &text, &self.overlay, self.options, chosen).arena;
        let some = |staged: &Staged| {
            let mut plans = staged.plans.values().map(|changed| &changed.plan);
            plans.any(|plan| plan.changes() || !plan.notices().is_empty())
        };
        if staged.frames || some(&staged) && arena() {
            self.add(&RECURSION, staged);
        }
    }

    /// What several files pass to each other in memory.
    pub fn passed(&mut self) {
        if self.overlay.facts().agreed.concerns(self.path) {
            let staged = PASSED.plan(self.path, &self.text(), &self.overlay);
            self.add(&PASSED, staged);
        }
    }

    /// What makes clang put functions into their callers, if the file allocates.
    pub fn inlined(&mut self) {
        let text = self.text();
        let links = &self.overlay.facts().links;
        let mine = || mentions_others(&text, self.overlay.project) || self.is_mine();
        if !may_be_arena(&text, self.options) || links.is_included(self.path) || !mine() {
            return;
        }
        let staged = INLINED.plan(self.path, &text, &self.overlay);
        self.add(&INLINED, staged);
    }

    /// Whether the file is a unit that allocates. What becomes of a header comes from those that
    /// include it.
    fn is_mine(&self) -> bool {
        let links = &self.overlay.facts().links;
        if links.is_included(self.path) {
            return false;
        }
        // A run lowers what reaches an allocation.
        self.lowering
            || links.chooses(self.path)
            || self.overlay.facts().agreed.concerns(self.path)
            || allocates(self.path, &self.text(), self.overlay.project)
    }

    /// Takes over what a step makes of the unit.
    fn add(&mut self, stage: &Stage, staged: Staged) {
        let is_main = |path: &Path| path == self.path;
        let header = staged.plans.keys().find(|path| !is_main(path));
        if let Some(header) = header.filter(|_| !self.lowering) {
            let notice = Notice {
                span: Span::at(0),
                rule: stage.said.0,
                severity: Severity::Warning,
                message: format!(
                    "{}: other files that include it need it as it is, or changed in another way",
                    header.display()
                ),
                help: Some(stage.said.1.into()),
            };
            let told = Plan::new(Vec::new(), vec![notice]).unwrap_or_default();
            self.plan = compose::stages(self.source, &self.plan, &told);
            return;
        }
        for (path, changed) in staged.plans {
            if is_main(&path) {
                if changed.plan.changes() || !changed.plan.notices().is_empty() {
                    self.plan = compose::stages(self.source, &self.plan, &changed.plan);
                }
            } else if changed.plan.changes() {
                self.overlay.change(path, changed);
            }
        }
    }
}

impl Changed {
    /// What becomes of the file.
    pub fn text(&self) -> Vec<u8> {
        self.plan.apply(&self.bytes)
    }

    /// With what becomes of the [text](Self::text) after that, as one plan.
    pub fn then(&self, next: &Plan) -> Plan {
        compose::stages(&self.bytes, &self.plan, next)
    }

    /// What several units make of one file, if they agree.
    pub fn united(all: &[&Self]) -> Option<Self> {
        let (first, rest) = all.split_first()?;
        let mut edits = first.plan.edits().to_vec();
        let mut notices = first.plan.notices().to_vec();
        for other in rest {
            if other.bytes != first.bytes {
                return None;
            }
            let new = |edit: &&Edit| {
                let mut known = edits.iter();
                !known.any(|k| (k.span, &k.text) == (edit.span, &edit.text))
            };
            let more: Vec<Edit> = other.plan.edits().iter().filter(new).cloned().collect();
            // What two units insert in one place has no order.
            let meets = |edit: &Edit| edits.iter().any(|k| k.span.start == edit.span.start);
            if more.iter().any(meets) {
                return None;
            }
            edits.extend(more);
            notices.extend(other.plan.notices().iter().cloned());
        }
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        Some(Self {
            bytes: Arc::clone(&first.bytes),
            plan: Plan::new(edits, notices).ok()?,
        })
    }
}

/// What has to become of a unit that reaches an allocation, and of its headers, before everything else, by
/// path: calls and addresses that BPF does not have, as what it has. Nothing for a unit whose headers stay as they are: its plan
/// says the same. Takes the time of reading the unit, and of reading it again for each step that changes
/// a header.
pub fn lower(
    path: &Path,
    source: &[u8],
    project: &dyn Project,
    options: &Options,
) -> BTreeMap<PathBuf, Changed> {
    let mut stages = Stages::new(path, source, project, options);
    stages.lowering = true;
    stages.addresses();
    stages.loops();
    stages.passed();
    stages.inlined();
    if stages.overlay.texts.is_empty() || !stages.is_sound() {
        return BTreeMap::new();
    }
    let texts = std::mem::take(&mut stages.overlay.texts);
    let mut lowered: BTreeMap<PathBuf, Changed> = texts
        .into_iter()
        .map(|(path, text)| (path, text.changed))
        .collect();
    let main = Changed {
        bytes: source.into(),
        plan: stages.plan,
    };
    lowered.insert(path.to_owned(), main);
    lowered
}

impl Stages<'_> {
    /// Whether what comes out can be read as what goes in can.
    fn is_sound(&self) -> bool {
        let project = self.overlay.project;
        let before = project
            .cache()
            .files
            .parsed(self.path, self.source, project);
        let cache = self.overlay.cache();
        let after = cache.files.parsed(self.path, &self.text(), &self.overlay);
        reread::broken(&after) <= reread::broken(&before)
    }
}

/// A header that has changed.
struct Text {
    changed: Changed,
    /// What it holds now.
    now: Arc<[u8]>,
}

/// A project some of whose headers have changed.
pub struct Overlay<'a> {
    project: &'a dyn Project,
    texts: BTreeMap<PathBuf, Text>,
    /// What was found out since the last of them changed.
    cache: Option<Cache>,
}

impl<'a> Overlay<'a> {
    /// The project as it is.
    pub fn new(project: &'a dyn Project) -> Self {
        Self {
            project,
            texts: BTreeMap::new(),
            cache: None,
        }
    }

    /// Changes a header.
    pub fn change(&mut self, path: PathBuf, changed: Changed) {
        let changed = match self.texts.remove(&path) {
            None => changed,
            Some(Text { changed: known, .. }) => Changed {
                plan: compose::stages(&known.bytes, &known.plan, &changed.plan),
                bytes: known.bytes,
            },
        };
        let now = changed.plan.apply(&changed.bytes).into();
        self.texts.insert(path, Text { changed, now });
        self.cache = Some(Cache::default());
    }

    fn changed(&self, header: Header) -> Header {
        match self.texts.get(&header.path) {
            Some(text) => Header {
                bytes: Arc::clone(&text.now),
                ..header
            },
            None => header,
        }
    }
}

impl Project for Overlay<'_> {
    fn header(&self, from: &Path, name: &str, angled: bool) -> Option<Header> {
        let header = self.project.header(from, name, angled)?;
        Some(self.changed(header))
    }

    fn header_path(&self, from: &Path, name: &str, angled: bool) -> Option<Arc<Path>> {
        self.project.header_path(from, name, angled)
    }

    fn system_header(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Header> {
        let header = self.project.system_header(from, name, angled, next)?;
        Some(self.changed(header))
    }

    fn has_headers(&self) -> bool {
        self.project.has_headers()
    }

    fn rewritten(&self, path: &Path) -> bool {
        self.project.rewritten(path)
    }

    fn may_rewrite(&self, path: &Path) -> bool {
        self.project.may_rewrite(path)
    }

    fn is_shared(&self, header: &Path) -> bool {
        self.project.is_shared(header)
    }

    fn command_line(&self, path: &Path) -> Vec<CommandLineMacro> {
        self.project.command_line(path)
    }

    fn forced_includes(&self, path: &Path) -> Vec<String> {
        self.project.forced_includes(path)
    }

    fn compiled_for_bpf(&self, path: &Path) -> bool {
        self.project.compiled_for_bpf(path)
    }

    fn facts(&self) -> &Facts {
        self.project.facts()
    }

    fn cache(&self) -> &Cache {
        self.cache.as_ref().unwrap_or_else(|| self.project.cache())
    }
}
