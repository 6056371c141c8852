//! What a function still has to give back where it leaves because an allocation failed.

use super::flow::{Flow, Source};
use super::value::{Fate, SiteId, State, ZERO, origin};

/// Something to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The variable or member that holds it.
    pub path: String,
    /// The site it is from, for the order.
    pub site: SiteId,
    /// The statement that gives it back.
    pub text: String,
}

impl Flow<'_> {
    /// What is surely held on all of these paths and by nobody else, newest first. Blocks that
    /// cannot be named or that others may know are left alone: a leak is better than a double
    /// free.
    pub fn held(&self, states: &[State], site: SiteId) -> Vec<Held> {
        let mut candidates = self.candidates(states, site);
        candidates.sort_by_key(|held| {
            let newest = std::cmp::Reverse(self.sites[held.site as usize].span.start);
            (newest, std::cmp::Reverse(held.site), held.path.len())
        });
        let mut given: Vec<Vec<SiteId>> = vec![Vec::new(); states.len()];
        let mut chosen: Vec<Held> = Vec::new();
        for held in candidates {
            let blocks: Vec<Vec<SiteId>> = states
                .iter()
                .map(|st| self.value_of(st, &held.path).blocks)
                .collect();
            let twice = given
                .iter()
                .zip(&blocks)
                .any(|(given, blocks)| blocks.iter().any(|block| given.contains(block)));
            if twice {
                continue;
            }
            for (given, blocks) in given.iter_mut().zip(blocks) {
                given.extend(blocks);
            }
            // What is reached through a block goes before the block itself.
            let holder = chosen.iter().position(|other| {
                held.path.len() > other.path.len()
                    && held.path.starts_with(&other.path)
                    && held.path[other.path.len()..].starts_with(['[', '.'])
            });
            chosen.insert(holder.unwrap_or(chosen.len()), held);
        }
        chosen
    }

    fn value_of(&self, st: &State, path: &str) -> super::value::Value {
        for (known, value) in &st.env {
            if self.name_of(known, st).as_deref() == Some(path) {
                return value.clone();
            }
        }
        super::value::Value::unknown()
    }

    fn candidates(&self, states: &[State], site: SiteId) -> Vec<Held> {
        let Some(first) = states.first() else {
            return Vec::new();
        };
        let mut paths: Vec<String> = states
            .iter()
            .flat_map(|st| {
                st.env
                    .keys()
                    .filter_map(|path| self.name_of(path, st))
                    .collect::<Vec<_>>()
            })
            .collect();
        paths.sort();
        paths.dedup();
        let here = self.sites[site as usize].span;
        let _ = first;
        paths
            .into_iter()
            .filter_map(|path| self.candidate(states, here, path))
            .collect()
    }

    fn candidate(&self, states: &[State], here: crate::c::Span, path: String) -> Option<Held> {
        let root: String = path
            .chars()
            .take_while(|c| !matches!(c, '[' | '.'))
            .collect();
        let mut from: Option<SiteId> = None;
        let mut perhaps = false;
        for st in states {
            let value = self.value_of(st, &path);
            if !value.whole || value.is_unknown() {
                return None;
            }
            perhaps |= value.signs & ZERO != 0;
            for &block in &value.blocks {
                let ours = matches!(st.fates.get(&block), Some(Fate::Owned | Fate::Perhaps));
                if !ours || origin(block) != block {
                    return None;
                }
                from = from.max(Some(block));
            }
        }
        let from = from?;
        let source = &self.sites[from as usize].source;
        if let Source::Kernel(release) = source {
            // A section that was entered has no variable, only what ends it.
            let statement = if *release == path {
                format!("{release};")
            } else if !self.locals.contains(&root) || path.contains(['*', '?']) {
                return None;
            } else {
                let given = format!("{};", release.replace('@', &expression(&path)));
                if perhaps {
                    format!("if ({}) {given}", expression(&path))
                } else {
                    given
                }
            };
            return Some(Held {
                path,
                site: from,
                text: statement,
            });
        }
        let temporary = self
            .temporaries
            .get(&from)
            .is_some_and(|name| *name == path);
        if temporary {
            // A temporary lives as long as the block around its statement.
            let near = self.here_of(from) == self.here_of_span(here);
            if !near {
                return None;
            }
        } else if !self.locals.contains(&root) || self.hidden.contains(&root) {
            return None;
        }
        if path.contains(['*', '?', '#']) || matches!(source, Source::Param(_)) {
            return None;
        }
        Some(Held {
            text: format!("static_free({});", expression(&path)),
            path,
            site: from,
        })
    }

    fn here_of(&self, site: SiteId) -> crate::c::Span {
        self.statements
            .get(&site)
            .copied()
            .unwrap_or(crate::c::Span::at(0))
    }

    fn here_of_span(&self, span: crate::c::Span) -> crate::c::Span {
        let known = self.sites.iter().position(|site| site.span == span);
        known.map_or(crate::c::Span::at(0), |site| self.here_of(site as SiteId))
    }
}

/// An access path as C.
pub fn expression(path: &str) -> String {
    path.replace("[0].", "->")
}
