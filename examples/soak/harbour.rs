//! A lane whose runs are taken by threads of the host's, through one port after the other.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use laneq::{Engine, HandlerOptions, Notice, OwnedRun, Port};

use crate::dice::Dice;
use crate::floor::Floor;
use crate::keys::Stay;

const HELD: usize = 4;

/// Opens a port, serves it for a while, leaves it; until the engine is closed.
pub fn harbour(engine: &Engine, floor: &Arc<Floor>) {
    let mut dice = Dice::new(floor.seed ^ floor.life ^ 0x0CEA);
    while let Ok(port) = engine.port() {
        let steerable = dice.roll(2) == 0;
        let options =
            if steerable { HandlerOptions::default() } else { HandlerOptions::unsteerable() };
        port.bind_with("port", options).expect("nobody else has it");
        // Once the life is over, this is the last port.
        let until = Instant::now() + Duration::from_millis(200 + dice.roll(2000));
        let seeds = [dice.roll(1 << 40), dice.roll(1 << 40)];
        thread::scope(|scope| {
            for seed in seeds {
                let (port, floor) = (port.clone(), Arc::clone(floor));
                scope.spawn(move || serve(&port, &floor, &mut Dice::new(seed), until));
            }
        });
        port.leave();
    }
}

fn serve(port: &Port, floor: &Arc<Floor>, dice: &mut Dice, until: Instant) {
    let mut held: Vec<(Stay<'_>, OwnedRun)> = Vec::new();
    while floor.is_over() || Instant::now() < until {
        match port.next(Some(Duration::from_millis(5))).expect("a thread of the host's") {
            Some(Notice::Ready(run)) => match dice.roll(16) {
                // Kept in hand beside others, then completed or dropped.
                0 => held.push((floor.enter(&run), run)),
                1 => {
                    let stay = floor.enter(&run);
                    drop(stay);
                    drop(run);
                }
                // Stale: it was abandoned meanwhile.
                _ => drop(run.execute(|run| floor.handle(run))),
            },
            Some(Notice::Closed) => break,
            _ => {}
        }
        if held.len() > HELD || dice.roll(8) == 0 {
            complete(&mut held, dice);
        }
    }
    complete(&mut held, dice);
}

fn complete(held: &mut Vec<(Stay<'_>, OwnedRun)>, dice: &mut Dice) {
    for (stay, run) in held.drain(..) {
        drop(stay);
        let _ = if dice.roll(3) == 0 { run.fail("planned") } else { run.complete("held") };
    }
}
