// laneq: a lane queue for AI agents. Messages run in order within a session and in parallel across sessions; a new
// one can steer, follow, join or interrupt the run in progress. The engine is a shared library; this is its door.

export { Engine } from './engine.mjs';
export { Closed, LaneqError, NotDone, Refused, Stale, Stopped, Stuck, TimedOut, WouldDeadlock } from './errors.mjs';
export { version } from './library.mjs';
export { Plan } from './plan.mjs';
export { Receipt } from './receipt.mjs';
export { Run, Steers } from './run.mjs';
