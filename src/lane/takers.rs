//! Who takes a lane's runs: a handler, called by the lane's workers, or a port of the host's.

use std::collections::HashMap;

use super::{Handler, HandlerOptions, Port};
use crate::model::{Error, LaneId, RunId};
use crate::run::{Closure, Shared};
use crate::session::{Door, Inbox, Side};
use crate::sync::{Arc, OnceLock, RwLock, Weak};

/// One handler or port a lane, and one for all others. A handler is set once.
pub(crate) struct Takers {
    lanes: Box<[OnceLock<Arc<Handler>>]>,
    any: OnceLock<Arc<Handler>>,
    /// Locked when somebody takes a lane or leaves it, and read for tickets of ports. A leaf.
    ports: RwLock<Ports>,
}

#[derive(Default)]
struct Ports {
    lanes: HashMap<LaneId, Berth>,
    any: Option<Berth>,
    /// All that were opened, for whoever looks for a run of theirs.
    all: Vec<Weak<Port>>,
}

/// A port that takes a lane, or all lanes that nobody else takes.
struct Berth {
    port: Arc<Port>,
    options: HandlerOptions,
}

enum Taker<'a> {
    Handler(HandlerOptions),
    Port(&'a Berth),
    Nobody,
}

impl Takers {
    pub(super) fn new(lanes: usize) -> Self {
        let lanes = (0..lanes).map(|_| OnceLock::new()).collect();
        Self { lanes, any: OnceLock::new(), ports: RwLock::default() }
    }

    fn handler_slot(&self, lane: Option<LaneId>) -> &OnceLock<Arc<Handler>> {
        lane.map_or(&self.any, |lane| &self.lanes[usize::from(lane.0)])
    }

    /// The handler that the workers of a lane call.
    pub(crate) fn handler(&self, lane: LaneId) -> Option<&Arc<Handler>> {
        self.handler_slot(Some(lane)).get().or_else(|| self.any.get())
    }

    /// Sets the handler of a lane, or that of all others.
    pub(crate) fn set(&self, lane: Option<LaneId>, handler: Handler) -> Result<(), Error> {
        let ports = self.ports.write();
        if ports.berth(lane).is_some() {
            return Err(Error::invalid("a port is bound there: drop it first, or use it"));
        }
        let set = self.handler_slot(lane).set(Arc::new(handler));
        drop(ports);
        // P7: the handler that comes home is dropped with no lock held.
        set.map_err(|_| Error::invalid("the handler is set already: it is set once"))
    }

    /// Binds a lane to a port, or all that nobody else takes.
    pub(crate) fn bind(
        &self,
        lane: Option<LaneId>,
        port: &Arc<Port>,
        options: HandlerOptions,
    ) -> Result<(), Error> {
        let mut ports = self.ports.write();
        if self.handler_slot(lane).get().is_some() {
            return Err(Error::invalid("a handler is set there: a lane has a handler or one port"));
        }
        if ports.berth(lane).is_some() {
            return Err(Error::invalid("a port is bound there already: a lane has one port"));
        }
        let berth = Berth { port: Arc::clone(port), options };
        match lane {
            Some(lane) => drop(ports.lanes.insert(lane, berth)),
            None => ports.any = Some(berth),
        }
        Ok(())
    }

    /// Lets every lane of a port go.
    pub(crate) fn unbind(&self, port: &Arc<Port>) {
        let mut ports = self.ports.write();
        let is_its = |berth: &Berth| Arc::ptr_eq(&berth.port, port);
        let any = ports.any.take_if(|berth| is_its(berth));
        let lanes: Vec<_> = ports.lanes.extract_if(|_, berth| is_its(berth)).collect();
        drop(ports);
        drop((any, lanes));
    }

    pub(crate) fn add(&self, port: &Arc<Port>) {
        let mut ports = self.ports.write();
        ports.all.retain(|port| port.strong_count() > 0);
        ports.all.push(Arc::downgrade(port));
    }

    pub(crate) fn ports(&self) -> Vec<Arc<Port>> {
        self.ports.read().all.iter().filter_map(Weak::upgrade).collect()
    }

    /// The port that has this run in its books.
    pub(crate) fn port_with(&self, run: RunId) -> Option<Arc<Port>> {
        self.ports().into_iter().find(|port| port.has(run))
    }

    /// The port of a lane.
    pub(super) fn port_of(&self, lane: LaneId) -> Option<Arc<Port>> {
        match self.taker(&self.ports.read(), lane) {
            Taker::Port(berth) => Some(Arc::clone(&berth.port)),
            Taker::Handler(_) | Taker::Nobody => None,
        }
    }

    /// Whether anybody takes the runs of a lane.
    pub(crate) fn serves(&self, lane: LaneId) -> bool {
        !matches!(self.taker(&self.ports.read(), lane), Taker::Nobody)
    }

    /// What is set for a lane goes before what is set for all.
    fn taker<'a>(&self, ports: &'a Ports, lane: LaneId) -> Taker<'a> {
        if let Some(handler) = self.handler_slot(Some(lane)).get() {
            return Taker::Handler(handler.options);
        }
        if let Some(berth) = ports.lanes.get(&lane) {
            return Taker::Port(berth);
        }
        match (self.any.get(), &ports.any) {
            (Some(handler), _) => Taker::Handler(handler.options),
            (None, Some(berth)) => Taker::Port(berth),
            (None, None) => Taker::Nobody,
        }
    }

    /// Tells every lane who takes it, and every port what it has; then calls whoever is needed for
    /// what waits. After each change, and for each new lane.
    pub(crate) fn survey(&self, shared: &Arc<Shared>) {
        // P7: held beyond the lock, so that none is dropped under it.
        let all = self.ports();
        {
            let ports = self.ports.write();
            for port in &all {
                port.take_over(self.lanes_of(&ports, port, shared));
            }
            shared.doors.all().for_each(|door| self.tell(&ports, door));
        }
        for door in shared.doors.all() {
            match door.side() {
                Side::Workers => shared.call_all(door),
                // Its workers leave, if it has any.
                Side::Port | Side::New => door.gate.ring_all(),
            }
        }
        all.iter().for_each(|port| port.rouse());
    }

    fn lanes_of(
        &self,
        ports: &Ports,
        port: &Arc<Port>,
        shared: &Shared,
    ) -> Vec<Arc<Door<Closure>>> {
        let is_its = |door: &Arc<Door<Closure>>| match self.taker(ports, door.id) {
            Taker::Port(berth) => Arc::ptr_eq(&berth.port, port),
            Taker::Handler(_) | Taker::Nobody => false,
        };
        shared.doors.all().filter(|door| is_its(door)).cloned().collect()
    }

    fn tell(&self, ports: &Ports, door: &Door<Closure>) {
        let (side, inbox) = match self.taker(ports, door.id) {
            Taker::Handler(options) => (Side::Workers, options.inbox()),
            Taker::Port(berth) => (Side::Port, berth.options.inbox()),
            // Its runs fail, and say why.
            Taker::Nobody if door.side() == Side::New => (Side::Workers, Inbox::Never),
            // Its port has gone: what is there waits for another.
            Taker::Nobody => return,
        };
        door.set_inbox(inbox);
        door.set_side(side);
    }
}

impl Ports {
    fn berth(&self, lane: Option<LaneId>) -> Option<&Berth> {
        lane.map_or(self.any.as_ref(), |lane| self.lanes.get(&lane))
    }
}
