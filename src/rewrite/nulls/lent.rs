//! Calls that hand out or give back what the kernel lends.

use super::flow::{Flow, Lent, Source};
use super::references::{self, GivesBack, Lends};
use super::value::{Doubt, Fate, NEG, SiteId, State, Value};
use crate::c::syntax::tree::ExprId;

impl Flow<'_> {
    /// A function of the kernel hands out something that must be given back.
    pub fn acquire(
        &mut self,
        e: ExprId,
        lends: Lends,
        release: String,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        let object = match lends {
            Lends::Object(at) | Lends::Held(at) | Lends::HeldIfZero(at) => args.get(at).copied(),
            Lends::Pointer | Lends::Section => None,
        };
        for (mut st, _) in self.arguments(args, st) {
            let lent = self.lent(lends, &release, object, args);
            let part = match lends {
                Lends::Pointer => "kernel".to_owned(),
                // Sections and objects are told apart by what gives them back.
                _ => format!("kernel {}", lent.release),
            };
            let site = self.site(Some(e), part, Source::Kernel(lent));
            let place = object.and_then(|object| self.target(object, &st));
            self.sites[site as usize].through = place;
            if lends == Lends::Pointer {
                let (done, failed) = self.allocate(st, site);
                results.push((done, Value::block(site)));
                let failed = failed.into_iter().map(|st| (st, Value::number(0)));
                results.extend(failed);
                continue;
            }
            let before = st.clone();
            st.retire(&mut self.places, site);
            st.fates.insert(site, Fate::Owned);
            match lends {
                Lends::HeldIfZero(_) => {
                    results.push((st, Value::number(0)));
                    results.push((before, Value::signs(NEG)));
                }
                _ => results.push((st, Value::unknown())),
            }
        }
        results
    }

    /// What gives back, as it is written where `args` handed it out.
    fn lent(&self, lends: Lends, release: &str, object: Option<ExprId>, args: &[ExprId]) -> Lent {
        let text = |e: ExprId| self.is_stable(e).then(|| self.ctx.written(e)).flatten();
        let mut release = release.to_owned();
        if release.contains("&1") {
            let second = args.get(1).and_then(|&arg| text(arg));
            release = release.replace("&1", &second.unwrap_or_else(|| "0".into()));
        }
        if lends == Lends::Pointer {
            release = self.ctx.release_name(&release);
        }
        Lent {
            release,
            pointer: lends == Lends::Pointer,
            object: object.and_then(text),
        }
    }

    /// `bpf_kptr_xchg`: what was stored comes out, what is stored is gone.
    pub fn swap(&mut self, e: ExprId, args: &[ExprId], st: State) -> Vec<(State, Value)> {
        let tag = self.ctx.tag_of_stored(e, args);
        let release = self.ctx.release_name(references::stored(&tag));
        let mut results = Vec::new();
        for (mut st, values) in self.arguments(args, st) {
            if let Some(stored) = values.get(1) {
                self.give(&mut st, &stored.clone(), &Fate::Moved);
            }
            let lent = Lent {
                release: release.clone(),
                pointer: true,
                object: None,
            };
            let site = self.site(Some(e), "kernel".into(), Source::Kernel(lent));
            let (done, failed) = self.allocate(st, site);
            results.push((done, Value::block(site)));
            let failed = failed.into_iter().map(|st| (st, Value::number(0)));
            results.extend(failed);
        }
        results
    }

    pub fn give_back(
        &mut self,
        name: &str,
        gives: &GivesBack,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (mut st, values) in self.arguments(args, st) {
            match gives {
                GivesBack::Pointer(at) => {
                    let value = values.get(*at).cloned().unwrap_or_else(Value::unknown);
                    self.release(&mut st, &value);
                }
                GivesBack::Object(at, _) => {
                    let place = args.get(*at).and_then(|&arg| self.target(arg, &st));
                    self.left(&mut st, name, place);
                }
                GivesBack::Section(_) => self.left(&mut st, name, None),
            }
            results.push((st, Value::unknown()));
        }
        results
    }

    /// A section is left, or an object given back, by a call of this function.
    pub fn left(&mut self, st: &mut State, name: &str, place: Option<super::place::PlaceId>) {
        let held: Vec<SiteId> = st
            .fates
            .iter()
            .filter(|(_, fate)| fate.is_ours())
            .map(|(&site, _)| site)
            .filter(|&site| {
                let info = self.sites.get(super::value::origin(site) as usize);
                info.is_some_and(|info| match &info.source {
                    Source::Kernel(lent) if !lent.pointer => {
                        let by = references::released(name);
                        gives_back(&by, &lent.release)
                            && (place.is_none() || info.through.is_none() || info.through == place)
                    }
                    _ => false,
                })
            })
            .collect();
        match held[..] {
            [] => {
                if self.params {
                    st.left.insert((name.to_owned(), place));
                }
            }
            [site] => {
                st.fates.insert(site, Fate::Freed);
            }
            // Sections nest: the one entered last is left.
            [.., last] if place.is_none() => {
                st.fates.insert(last, Fate::Freed);
            }
            _ => {
                for site in held {
                    st.fates.insert(site, Fate::Unknown(Doubt::OneOfSeveral));
                }
            }
        }
    }
}

/// Whether a function gives back what the call `release` gives back.
fn gives_back(by: &Option<GivesBack>, release: &str) -> bool {
    let called = |call: &str| call.split('(').next().unwrap_or(call).to_owned();
    match by {
        Some(GivesBack::Object(_, own) | GivesBack::Section(own)) => called(own) == called(release),
        _ => false,
    }
}
