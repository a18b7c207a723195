//! Windows: the quiet one of collect beside a run, and the leading one of plain text.

use super::{Cx, Door, Machine, Phase};
use crate::config::InForce;
use crate::model::Mode;
use crate::session::cell::Cell;
use crate::session::entry::{Code, Joins};
use crate::session::window::{Joined, Window};

impl<C: Code> Machine<C> {
    /// The knobs for this message: its own, else the session's, its channel's, the general ones.
    pub(crate) fn in_force(&self, cell: &Cell, cx: &Cx<'_>) -> InForce {
        cx.queue().in_force_for(&cell.message, self.own())
    }

    /// How a message joins the backlog: as a part of the leading window, or as its mode says.
    pub(super) fn joins(&self, cell: &Cell, mode: Mode, before: Phase, cx: &Cx<'_>) -> Joins {
        let own = if mode == Mode::Collect { Joins::Others } else { Joins::Nobody };
        let may_lead = match before {
            Phase::Idle => true,
            Phase::Collecting => self.continues(cell),
            Phase::Ready | Phase::Running | Phase::Backoff => false,
        };
        let leads = may_lead
            && cx.door == Door::Open
            && cell.message.is_plain()
            && cx.inbound().debounce_of(cell.message.source()).as_nanos() > 0;
        if leads { Joins::Leading } else { own }
    }

    /// Whether a window is open.
    pub(super) fn is_held(&self) -> bool {
        self.extra.as_deref().is_some_and(|e| e.window.is_some())
    }

    /// Whether the leading window is open, and this is more of the same person's text.
    fn continues(&self, cell: &Cell) -> bool {
        let open = self.extra.as_deref().and_then(|e| e.window).is_some_and(|w| w.is_leading());
        open && self.backlog.newest().is_some_and(|(last, joins)| {
            joins == Joins::Leading
                && last.merges_with(cell)
                && last.message.sender() == cell.message.sender()
        })
    }

    /// Opens, extends or closes the window for a message that goes to the backlog.
    pub(super) fn mind_window(
        &mut self,
        cell: &Cell,
        joins: Joins,
        force: &InForce,
        before: Phase,
        cx: &Cx<'_>,
    ) {
        let open = self.extra.as_deref().and_then(|e| e.window);
        let window = match open {
            Some(mut window) if self.belongs(cell, joins, window) => {
                match window.join(cx.now, cx.queue()) {
                    Joined::Open => Some(window),
                    Joined::Full => None,
                }
            }
            // Anything else closes it. A message that comes while a run is in progress opens the
            // next; from Idle only plain text does.
            _ => self.new_window(cell, joins, force, before, cx),
        };
        if window.is_some() || open.is_some() {
            self.extra_mut().window = window;
        }
    }

    fn belongs(&self, cell: &Cell, joins: Joins, window: Window) -> bool {
        let kind = if window.is_leading() { Joins::Leading } else { Joins::Others };
        let like = |(last, newest): (&crate::sync::Arc<Cell>, Joins)| {
            newest == kind && last.merges_with(cell)
        };
        joins == kind && self.backlog.newest().is_some_and(like)
    }

    fn new_window(
        &self,
        cell: &Cell,
        joins: Joins,
        force: &InForce,
        before: Phase,
        cx: &Cx<'_>,
    ) -> Option<Window> {
        if cx.door != Door::Open {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let first = self.accepted as u32 - 1;
        match (joins, before) {
            (Joins::Others, Phase::Running) => {
                let debounce = force.debounce.value;
                let own = (debounce != cx.queue().debounce).then_some(debounce);
                Window::open(first, cx.now, own, cx.queue())
            }
            (Joins::Leading, Phase::Idle) => {
                let debounce = cx.inbound().debounce_of(cell.message.source());
                Window::leading(first, cx.now, debounce, cx.queue())
            }
            _ => None,
        }
    }
}
