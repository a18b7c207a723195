/*
 * laneq: a lane queue for AI agents. Messages run in order within a session and in parallel across
 * sessions; a new one can steer, follow, join or interrupt the run in progress.
 *
 * This file is made from the library's source, and a test compares the two: do not edit it.
 *
 * The contract, which holds for every function here:
 *
 * Arguments. Order: what it is about, inputs, outputs, `laneq_error *error`. `error` may always be
 * NULL; otherwise every call writes it, LANEQ_OK included. Outputs are written on success only
 * (submit, spawn, admission_wait and close say otherwise). A required pointer that is NULL is LANEQ_E_NULL, and nothing has
 * happened then. Pointers must point to what their type says for the time of the call.
 *
 * Statuses. 0 is LANEQ_OK, everything else negative. Numbers are never reused.
 *
 * Handles are numbers below 2^53, never 0 and never pointers. One that was freed, is of another
 * kind, or was never given out is LANEQ_E_HANDLE. `_free` takes a handle back: on any thread, in
 * handlers, callbacks and finalizers; it never blocks, and 0 is fine. One process has at most 2^24
 * handles of a kind at once.
 *
 * Strings are UTF-8, pointer and length, without a NUL at their end; NULL with length 0 is none.
 * The library copies what it is given. A string that it gives belongs to the handle that it was
 * read from, and is valid until that is freed; a run's, until its handler returns or, if it was
 * taken from a port, until it is completed, failed or freed.
 *
 * Structs that may grow begin with `struct_size`: zero the struct, set it to sizeof, fill in the
 * rest. In a struct to be written it must be set too.
 *
 * Callbacks are called on threads of the library, any of them, without a lock of its own held: they
 * may call everything here whose comment says so. They must neither throw nor longjmp. `destroy`
 * (may be NULL) is called exactly once for every `user` that was handed over, when it is not used
 * any more, also when the call that got it fails.
 *
 * Blocking calls say so. One that would wait for itself is LANEQ_E_WOULD_DEADLOCK, at once.
 *
 * fork: a child of a process that has called the library may call nothing here: LANEQ_E_FORKED. What
 * runs no fork handlers (vfork, _Fork, a bare clone), and handlers of the host's own for the child
 * that were registered before the first call, are not noticed: nothing may be called from there.
 */
