//! What this machine allows: the lower bounds of what a queue is made of, with no engine.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;

use super::latency::{bare_wake, rows};
use super::meter::each;
use super::report::{Row, row};
use super::{Failure, Scale};

const SESSIONS: u32 = 10_000;
const EACH: u32 = 100;

type Task = Box<dyn FnOnce() + Send>;

/// Nanoseconds of one of `n`.
fn timed(n: u32, mut act: impl FnMut(u32)) -> f64 {
    let began = Instant::now();
    (0..n).for_each(&mut act);
    each(began.elapsed(), n.into())
}

/// In one thread: clock, lock, lock with a queue, box, channel.
fn alone(n: u32) -> Vec<Row> {
    let clock = timed(n, |_| {
        black_box(Instant::now());
    });
    let counter = Mutex::new(0_u64);
    let lock = timed(n, |_| *black_box(&counter).lock() += 1);
    let queue = Mutex::new(VecDeque::with_capacity(1024));
    let lock_queue = timed(n, |number| {
        queue.lock().push_back(number);
        black_box(queue.lock().pop_front());
    });
    let boxed = timed(n, |number| {
        let task: Task = Box::new(move || {
            black_box((number, number ^ 5));
        });
        black_box(task)();
    });
    let (sender, receiver) = unbounded();
    let channel = timed(n, |number| {
        // Both ends are here: it is never disconnected.
        let _ = sender.send(number);
        let _ = black_box(receiver.recv());
    });
    vec![
        row("clock_ns", clock, "ns"),
        row("lock_ns", lock, "ns"),
        row("lock_queue_ns", lock_queue, "ns"),
        row("box_ns", boxed, "ns"),
        row("channel_ns", channel, "ns"),
    ]
}

/// A session of [`keyed`].
#[derive(Default)]
#[repr(align(64))]
struct Place(Mutex<VecDeque<Task>>);

/// How many tasks of a session have run: in a place of its own, as what the closures of W1 count.
#[derive(Default)]
#[repr(align(64))]
struct Ran(AtomicU32);

fn produce(producer: usize, places: &[Place], ran: &'static [Ran], ready: &Sender<usize>) {
    for number in 0..EACH {
        for session in (producer..places.len()).step_by(2) {
            let ran = &ran[session];
            let task: Task = Box::new(move || {
                black_box(number);
                ran.0.fetch_add(1, Ordering::Relaxed);
            });
            places[session].0.lock().push_back(task);
            let _ = ready.send(session);
        }
    }
}

fn consume(places: &[Place], ready: &Receiver<usize>) {
    for session in ready {
        let task = places[session].0.lock().pop_front();
        if let Some(task) = task {
            task();
        }
    }
}

/// LB: for each task one lock and push, one channel operation, one lock and pop, from two threads
/// to two. A queue that does these for each task cannot be faster.
fn keyed(sessions: u32) -> Result<f64, Failure> {
    let places: &'static [Place] = Vec::leak((0..sessions).map(|_| Place::default()).collect());
    let ran: &'static [Ran] = Vec::leak((0..sessions).map(|_| Ran::default()).collect());
    let (sender, receiver) = unbounded();
    let began = Instant::now();
    let producers = [0, 1].map(|producer| {
        let sender = sender.clone();
        thread::spawn(move || produce(producer, places, ran, &sender))
    });
    let consumers = [(); 2].map(|()| {
        let receiver = receiver.clone();
        thread::spawn(move || consume(places, &receiver))
    });
    drop(sender);
    for end in producers.into_iter().chain(consumers) {
        end.join().map_err(|_| "a thread panicked")?;
    }
    let took = began.elapsed();
    if ran.iter().any(|ran| ran.0.load(Ordering::Relaxed) != EACH) {
        return Err("a task did not run".into());
    }
    Ok(each(took, u64::from(sessions) * u64::from(EACH)))
}

/// limits.
pub(super) fn limits(scale: Scale) -> Result<Vec<Row>, Failure> {
    const WAKE: [&str; 4] = ["wake_p50_us", "wake_p99_us", "wake_p999_us", "wake_max_us"];
    let mut all = alone(scale.of(1_000_000));
    all.push(row("lb_ns", keyed(scale.of(SESSIONS))?, "ns"));
    all.extend(rows(WAKE, &bare_wake(scale.of(10_000))?));
    Ok(all)
}
