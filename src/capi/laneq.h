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

#ifndef LANEQ_H
#define LANEQ_H

#include <stddef.h>
#include <stdint.h>

// The ABI's major number, which is that of the library's SONAME: another one breaks callers.
#define LANEQ_ABI_MAJOR 0

// The ABI's minor number: a library serves every header of its major and of a minor up to its own.
#define LANEQ_ABI_MINOR 1

// Bytes of an error's message, the NUL at its end included.
#define LANEQ_ERROR_BYTES 1024

// Waits its turn; one run each, first in, first out.
#define LANEQ_MODE_FOLLOWUP 1

// Waits its turn; what waits together and may merge is one run.
#define LANEQ_MODE_COLLECT 2

// Delivered at the next boundary of the run in progress; else a follow-up.
#define LANEQ_MODE_STEER 3

// Delivered like a steer, and run as a later turn as well.
#define LANEQ_MODE_STEER_BACKLOG 4

// Stops the run in progress and runs next.
#define LANEQ_MODE_INTERRUPT 5

// Goes first: people who are waiting.
#define LANEQ_PRIORITY_FOREGROUND 1

// The default.
#define LANEQ_PRIORITY_NORMAL 2

// Goes after normal, until it has waited 30 s.
#define LANEQ_PRIORITY_BACKGROUND 3

// The oldest message of the route is dropped.
#define LANEQ_DROP_OLD 1

// The newcomer is refused.
#define LANEQ_DROP_NEW 2

// As old, and one line of what was dropped goes into the next batch.
#define LANEQ_DROP_SUMMARIZE 3

// One person.
#define LANEQ_KIND_DIRECT 1

// A group chat.
#define LANEQ_KIND_GROUP 2

// A channel of a server.
#define LANEQ_KIND_CHANNEL 3

// A run of another agent.
#define LANEQ_KIND_SUBAGENT 4

// A schedule.
#define LANEQ_KIND_CRON 5

// A web hook.
#define LANEQ_KIND_HOOK 6

// A device.
#define LANEQ_KIND_NODE 7

// It starts as soon as its lane has a slot.
#define LANEQ_PLACEMENT_SCHEDULED 1

// It waits behind its session.
#define LANEQ_PLACEMENT_QUEUED 2

// It waits for the next boundary of the run in progress.
#define LANEQ_PLACEMENT_STEERED 3

// No run was in progress.
#define LANEQ_FALLBACK_NO_RUN 1

// The handler takes no steers.
#define LANEQ_FALLBACK_NOT_STEERABLE 2

// The run takes no more.
#define LANEQ_FALLBACK_CLOSED 3

// The run belongs to another authority.
#define LANEQ_FALLBACK_AUTHORITY 4

// The run answers another channel, thread or person.
#define LANEQ_FALLBACK_ROUTE 5

// It was part of the batch of a run that has ended.
#define LANEQ_FATE_RAN 1

// It was delivered to a run in progress.
#define LANEQ_FATE_STEERED 2

// It gave way when the backlog was full.
#define LANEQ_FATE_DROPPED 3

// It was taken back before it started.
#define LANEQ_FATE_WITHDRAWN 4

// Its time to live passed before it started.
#define LANEQ_FATE_EXPIRED 5

// Its attempts are used up.
#define LANEQ_FATE_PARKED 6

// The engine closed first.
#define LANEQ_FATE_RETURNED 7

// The handler completed the run.
#define LANEQ_OUTCOME_DONE 1

// The handler failed the run, or returned without a word.
#define LANEQ_OUTCOME_FAILED 2

// It failed after a stop, or was abandoned.
#define LANEQ_OUTCOME_STOPPED 3

// The handler panicked.
#define LANEQ_OUTCOME_PANICKED 4

// An interrupt.
#define LANEQ_CAUSE_INTERRUPT 1

// A stop of the key.
#define LANEQ_CAUSE_STOP 2

// The deadline of its message or lane.
#define LANEQ_CAUSE_DEADLINE 3

// The run that spawned it ended other than done.
#define LANEQ_CAUSE_PARENT 4

// It was abandoned.
#define LANEQ_CAUSE_ABANDON 5

// The deadline of a drain.
#define LANEQ_CAUSE_DRAIN 6

// The engine closes.
#define LANEQ_CAUSE_CLOSE 7

// The agent ended by itself with an error.
#define LANEQ_CAUSE_EXIT 8

// The host let go of the run without completing it.
#define LANEQ_CAUSE_DROPPED 9

// The host cancelled a token of its own.
#define LANEQ_CAUSE_HOST 10

// It ran and succeeded.
#define LANEQ_CALL_COMPLETED 1

// It ran and failed.
#define LANEQ_CALL_FAILED 2

// It was skipped, or was cut short.
#define LANEQ_CALL_CANCELLED 3

// It was found wrong before it started.
#define LANEQ_CALL_REJECTED 4

// Its own deadline passed.
#define LANEQ_CALL_TIMED_OUT 5

// It succeeded after it had been given up.
#define LANEQ_CALL_LATE 6

// It never started.
#define LANEQ_EFFECTS_NONE 1

// It started and was not seen to end.
#define LANEQ_EFFECTS_UNKNOWN 2

// It ran to its end.
#define LANEQ_EFFECTS_DONE 3

// A steer arrived before it started.
#define LANEQ_CODE_STEER 1

// The run was stopped.
#define LANEQ_CODE_STOP 2

// Its deadline passed.
#define LANEQ_CODE_DEADLINE 3

// It was found wrong, or never asked to start.
#define LANEQ_CODE_REJECTED 4

// A steer waits at the next boundary.
#define LANEQ_SIGNAL_STEER 1

// The run is stopped.
#define LANEQ_SIGNAL_STOP 2

// A wait that was begun is due.
#define LANEQ_SIGNAL_WAITED 3

// It will not start.
#define LANEQ_WITHDRAW_WITHDRAWN 1

// A run has taken it and not committed it yet: ask again.
#define LANEQ_WITHDRAW_IN_DELIVERY 2

// It has started.
#define LANEQ_WITHDRAW_STARTED 3

// It has its fate already.
#define LANEQ_WITHDRAW_SETTLED 4

// A boundary: nothing waits, go on.
#define LANEQ_VERDICT_GO 1

// A boundary: a steer waits, take it.
#define LANEQ_VERDICT_STEER 2

// A boundary: stop, for the cause.
#define LANEQ_VERDICT_STOP 3

// The call counts as executing from now on.
#define LANEQ_LAUNCH_GO 1

// A steer waits: the call is cancelled, and so is every other that has not started.
#define LANEQ_LAUNCH_SKIP 2

// The run is stopped: nothing starts any more.
#define LANEQ_LAUNCH_STOP 3

// The end of a run: no steer can reach it any more.
#define LANEQ_END_CLOSED 1

// The end of a run: steers wait, take them in and go on.
#define LANEQ_END_STEERS 2

// The end of a run: it is stopped, for the cause.
#define LANEQ_END_STOP 3

// The settings are TOML.
#define LANEQ_FORMAT_TOML 0

// The settings are JSON, with the keys and units of the TOML.
#define LANEQ_FORMAT_JSON 1

// The time is over, and nothing has come.
#define LANEQ_NOTICE_NONE 0

// A run that is the host's to execute: `run`, `run_id`.
#define LANEQ_NOTICE_READY 1

// A steer waits at the next boundary of the run `run_id`.
#define LANEQ_NOTICE_STEER 2

// The run `run_id` is stopped, for `cause`.
#define LANEQ_NOTICE_STOP 3

// The receipt that is watched under `tag` has its fate.
#define LANEQ_NOTICE_SETTLED 4

// The admission that is watched under `tag` is decided.
#define LANEQ_NOTICE_JOURNALED 5

// Every wait that the run `run_id` has begun is over, and it has its slot again.
#define LANEQ_NOTICE_WAITED 6

// The engine is closed and no run of this port is left, or the port was freed. It stays so.
#define LANEQ_NOTICE_CLOSED 7

// What a call answers: `LANEQ_OK`, or a negative number. -101 to -199: a message was refused.
typedef int32_t laneq_status;

// A text of its own: a JSON document, say. Free it with `laneq_text_free`.
typedef uint64_t laneq_text;

// A string: UTF-8, without a NUL at its end. NULL is none. One that the library wrote belongs to
// the handle that it was read from, and is valid until that is freed or, for a run, has ended.
typedef struct laneq_str {
  // Its bytes.
  const char *data;
  // How many.
  size_t len;
} laneq_str;

// What went wrong, in the caller's own memory: the optional last argument of a call, which writes
// it whenever it is there. Its layout never changes.
typedef struct laneq_error {
  // What the call answered.
  laneq_status status;
  // Bytes of the message, without the NUL.
  uint32_t message_len;
  // What was wrong and what would be right, UTF-8, cut off if need be; empty for `LANEQ_OK`.
  char message[LANEQ_ERROR_BYTES];
} laneq_error;

// The settings of an engine.
typedef struct laneq_config {
  // `sizeof(laneq_config)`.
  size_t struct_size;
  // The settings as text; NULL is the defaults. No file is read.
  struct laneq_str text;
  // How errors call the text: its file, say. NULL is `config`.
  struct laneq_str name;
  // `LANEQ_FORMAT_TOML` or `LANEQ_FORMAT_JSON`.
  int32_t format;
  // 0.
  int32_t reserved;
} laneq_config;

// An engine. Free it with `laneq_engine_free`.
typedef uint64_t laneq_engine;

// Knobs of one message or of one session, before those of its channel and of the settings.
typedef struct laneq_knobs {
  // `sizeof(laneq_knobs)`.
  size_t struct_size;
  // Quiet window of collect, in ms, 0 to 10 min; only if `has_debounce`.
  uint64_t debounce_ms;
  // Whether `debounce_ms` counts: 0 or 1.
  int32_t has_debounce;
  // `LANEQ_MODE_...`; 0 is the next level's.
  int32_t mode;
  // `LANEQ_DROP_...`; 0 is the next level's.
  int32_t drop;
  // Most waiting messages of the session, 1 to 100,000; 0 is the next level's.
  uint32_t cap;
} laneq_knobs;

// A message. Zero it, set `struct_size`, then what is of interest: a key or a source, and a text
// or a payload. The library copies it; what it writes into one belongs to the handle that the
// message was read from.
typedef struct laneq_message {
  // `sizeof(laneq_message)`.
  size_t struct_size;
  // The session key; NULL: made from the source.
  struct laneq_str key;
  // The idempotency key, 1 to 1,024 bytes; NULL: made up.
  struct laneq_str id;
  // The text.
  struct laneq_str text;
  // Any JSON for the agent.
  struct laneq_str payload;
  // Any JSON, echoed on the reply.
  struct laneq_str meta;
  // A JSON list of attachments.
  struct laneq_str media;
  // Who wrote it.
  struct laneq_str sender;
  // On whose authority it acts: only equal ones merge, steer and interrupt.
  struct laneq_str authority;
  // Mode steer-backlog: the text of the later turn, if it differs.
  struct laneq_str backlog;
  // The lane by name; NULL: `main`, or that of the source.
  struct laneq_str lane;
  // The id of the parked message that this one tries anew.
  struct laneq_str requeued_from;
  // Source: the service, `discord` or `irc`.
  struct laneq_str channel;
  // Source: which of the host's accounts there.
  struct laneq_str account;
  // Source: the person.
  struct laneq_str peer;
  // Source: the group or channel.
  struct laneq_str group;
  // Source: the thread within it.
  struct laneq_str thread;
  // Source: the agent that is addressed.
  struct laneq_str agent;
  // Source: the id of a sub-agent, cron job, hook or node.
  struct laneq_str source_id;
  // Source: `LANEQ_KIND_...`; 0 is direct, or no source if all its strings are NULL or empty.
  int32_t kind;
  // `LANEQ_MODE_...`; 0: the session's, else that of the settings.
  int32_t mode;
  // `LANEQ_PRIORITY_...`; 0: normal.
  int32_t priority;
  // How often its batch may run, 1 to 100; 0: `queue.attempts`.
  uint32_t attempts;
  // How long it may wait, 1 ms to 30 days; 0: `queue.ttl`.
  uint64_t ttl_ms;
  // How long its run may take; 0: that of the lane.
  uint64_t deadline_ms;
  // Refuse it unless this run is the live one of the session; 0: no matter.
  uint64_t expect_run;
  // In: knobs for this message alone; NULL: none. Out: NULL.
  const struct laneq_knobs *knobs;
  // Out: 1 if its steer half was delivered to an earlier run. In: no matter.
  int32_t seen;
  // 0.
  int32_t reserved;
} laneq_message;

// The answer to an accepted message. Free it with `laneq_receipt_free`; the message goes its way
// all the same.
typedef uint64_t laneq_receipt;

// Where a message landed.
typedef struct laneq_landed {
  // `sizeof(laneq_landed)`.
  size_t struct_size;
  // Its id: the given one, or the made-up one.
  struct laneq_str id;
  // Its session key.
  struct laneq_str key;
  // The run that it steers; 0: none.
  uint64_t run;
  // `LANEQ_PLACEMENT_...`
  int32_t placement;
  // `LANEQ_FALLBACK_...`: why it waits its turn, if it asked to steer or interrupt; 0: it does
  // not.
  int32_t fallback;
  // Messages of its session that were before it.
  uint32_t position;
  // 0.
  int32_t reserved;
} laneq_landed;

// What became of a message.
typedef struct laneq_settled {
  // `sizeof(laneq_settled)`.
  size_t struct_size;
  // The run's one reply, on the receipt with `lead` alone; NULL: none.
  struct laneq_str reply;
  // What the handler said when it failed; NULL: nothing.
  struct laneq_str error;
  // The run that executed or received it; 0: none.
  uint64_t run;
  // `LANEQ_FATE_...`
  int32_t fate;
  // `LANEQ_OUTCOME_...` of that run; 0: none.
  int32_t outcome;
  // 1 on exactly one receipt of a run's batch, so that a host answers once; else 0.
  int32_t lead;
  // 0.
  int32_t reserved;
} laneq_settled;

// A message on its way through the journal. Free it with `laneq_admission_free`; the message goes
// its way all the same.
typedef uint64_t laneq_admission;

// Gets the receipt of one message that came back: the host's, to be freed. It may submit.
typedef void (*laneq_recovered_fn)(void *user, laneq_receipt receipt);

// What came back from the journal, in figures.
typedef struct laneq_recovered {
  // `sizeof(laneq_recovered)`.
  size_t struct_size;
  // Messages that are the engine's again.
  uint64_t pending;
  // Those of them whose run had started: it starts again, attempt 2 or more.
  uint64_t retried;
  // Those whose run was interrupted `journal.attempts` times: parked now.
  uint64_t parked;
  // Those that were parked before.
  uint64_t held;
} laneq_recovered;

// A run that is in progress. A handler's is valid until the handler returns, and there is nothing
// to free; one that was taken from a port, until it is completed, failed or freed. Then it is
// stale. Any thread may use it meanwhile.
typedef uint64_t laneq_run;

// What a run is.
typedef struct laneq_run_info {
  // `sizeof(laneq_run_info)`.
  size_t struct_size;
  // The session key.
  struct laneq_str key;
  // The name of its lane.
  struct laneq_str lane;
  // Its number, as in events; never reused.
  uint64_t id;
  // 1 for the first run of its batch.
  uint32_t attempt;
  // How many messages it consumes: see `laneq_run_message`.
  uint32_t messages;
  // How many messages the lines about dropped ones speak of.
  uint32_t summary_of;
  // How many lines there are: see `laneq_run_summary`.
  uint32_t summary_lines;
} laneq_run_info;

// Steers that a run has taken. Commit them once they are in the transcript; freeing them before,
// or ending the run, puts them back at their place. Free them with `laneq_steers_free`.
typedef uint64_t laneq_steers;

// A cancel token. Free it with `laneq_token_free`; its children live on.
typedef uint64_t laneq_token;

// Hears a signal: `LANEQ_SIGNAL_...`. It may be called on any thread and must not block.
typedef void (*laneq_signal_fn)(void *user, int32_t signal);

// Ends a `user`: called exactly once, when the library will not use it any more. That is also so
// when the call that got it fails. It may be called on any thread.
typedef void (*laneq_destroy_fn)(void *user);

// What a handler can do.
typedef struct laneq_handler_options {
  // `sizeof(laneq_handler_options)`.
  size_t struct_size;
  // 1: it never looks at its boundary, so that steers are follow-ups. 0: it takes steers.
  int32_t unsteerable;
  // 0.
  int32_t reserved;
} laneq_handler_options;

// The host's code for a run. It must end with `laneq_run_complete` or `laneq_run_fail`, and
// neither throw nor jump out.
typedef void (*laneq_run_fn)(void *user, laneq_run run);

// The results of a settled plan. Free them with `laneq_results_free`.
typedef uint64_t laneq_results;

// The one result of one call.
typedef struct laneq_call_result {
  // `sizeof(laneq_call_result)`.
  size_t struct_size;
  // The call's id.
  struct laneq_str call;
  // What the tool gave; NULL: nothing.
  struct laneq_str result;
  // `LANEQ_CALL_...`: where it ended.
  int32_t state;
  // `LANEQ_EFFECTS_...`: what it may have done.
  int32_t effects;
  // `LANEQ_CODE_...`: why it did not complete; 0: it did.
  int32_t code;
  // 1 if a model should read it as an error, else 0.
  int32_t error;
} laneq_call_result;

// Hears that a token was cancelled: `LANEQ_CAUSE_...`. Called at most once, on the cancelling
// thread.
typedef void (*laneq_cancel_fn)(void *user, int32_t cause);

// A callback on a token. Free it with `laneq_registration_free` or `laneq_registration_remove`.
typedef uint64_t laneq_registration;

// What events are to say.
typedef struct laneq_events_options {
  // `sizeof(laneq_events_options)`.
  size_t struct_size;
  // 1: `run.started` carries the merged text. 0: no event carries a message's text.
  int32_t show_text;
  // 0.
  int32_t reserved;
} laneq_events_options;

// The newest events from its opening on, `limits.ring_events` of them. Free it with
// `laneq_events_free`.
typedef uint64_t laneq_events;

// What a drain came to. Free it with `laneq_report_free`.
typedef uint64_t laneq_report;

// What a drain came to, in figures.
typedef struct laneq_drained {
  // `sizeof(laneq_drained)`.
  size_t struct_size;
  // All of it as JSON: `{"complete", "settled": [{"id", "key", "fate"}], "running": [{"run",
  // "key", "lane", "age_ms"}]}`.
  struct laneq_str json;
  // 1 if everything reached its fate by itself before the deadline, else 0.
  int32_t complete;
  // Messages that reached a fate meanwhile.
  uint32_t settled;
  // Messages that are the host's again: see `laneq_report_returned`.
  uint32_t returned;
  // Runs that were told to stop and had not ended.
  uint32_t running;
} laneq_drained;

// Where the host's threads take runs, and hear all else that an event loop needs to hear: one wait
// for everything. Free it with `laneq_port_free`. It does not keep the engine open.
typedef uint64_t laneq_port;

// Hears that a port has something unread. Called on any thread; it must not block.
typedef void (*laneq_wake_fn)(void *user);

// Something that an event loop needs to hear.
typedef struct laneq_notice {
  // `sizeof(laneq_notice)`.
  size_t struct_size;
  // `LANEQ_NOTICE_...`
  int32_t kind;
  // `LANEQ_CAUSE_...` of a stop; else 0.
  int32_t cause;
  // The run that is ready, the host's: complete, fail or free it; else 0.
  laneq_run run;
  // The number of the run that it is about, as in `laneq_run_info`; else 0.
  uint64_t run_id;
  // The tag of what was watched; else 0.
  uint64_t tag;
} laneq_notice;

// It was done.
#define LANEQ_OK 0

// A pointer is NULL where something must be.
#define LANEQ_E_NULL -1

// A string is not UTF-8.
#define LANEQ_E_UTF8 -2

// A `struct_size` is none that this library knows, or a field that it does not know is set.
#define LANEQ_E_STRUCT_SIZE -3

// A number is none of those that stand for something, or is out of range.
#define LANEQ_E_NUMBER -4

// A handle was freed, is of another kind, or was never given out.
#define LANEQ_E_HANDLE -5

// The process was forked after the first call: the child may call nothing here.
#define LANEQ_E_FORKED -6

// A mistake of the library, caught: the message says which. Please report it.
#define LANEQ_E_PANIC -7

// A value cannot be right; the message names it and says what would be.
#define LANEQ_E_INVALID -8

// A string is longer than any setting allows.
#define LANEQ_E_TOO_LARGE -9

// No lane of that name; the message lists those that are.
#define LANEQ_E_UNKNOWN_LANE -10

// The run is not, or no longer, the live one of its session.
#define LANEQ_E_STALE -11

// Steers are taken: commit or free them first.
#define LANEQ_E_GUARD_OPEN -12

// The call would wait for itself; the message names who waits for whom.
#define LANEQ_E_WOULD_DEADLOCK -13

// A bound is reached; the message names it.
#define LANEQ_E_FULL -14

// The engine is closed.
#define LANEQ_E_CLOSED -15

// The operating system refused; the message says what.
#define LANEQ_E_SYSTEM -16

// The time is over. What was waited for goes its way.
#define LANEQ_E_TIMED_OUT -17

// The waiting run was stopped; the message names the cause.
#define LANEQ_E_STOPPED -18

// Calls of the plan still execute; the message names them.
#define LANEQ_E_CALLS_OPEN -19

// The engine is closed, but handlers still execute.
#define LANEQ_E_STUCK -20

// The journal cannot be opened or read; the message says why.
#define LANEQ_E_JOURNAL -21

// Refused: a bound is reached and nothing may give way.
#define LANEQ_REFUSED_FULL -101

// Refused: the same id came before; the receipt is that of the first.
#define LANEQ_REFUSED_DUPLICATE -102

// No refusal: words for the queue (`/stop`), carried out. The message is the answer for the person.
#define LANEQ_REFUSED_DIRECTIVE -103

// Refused: `expect_run` is not the live run.
#define LANEQ_REFUSED_MISMATCH -104

// Refused: the engine finishes what it has.
#define LANEQ_REFUSED_DRAINING -105

// Refused: the engine is closed.
#define LANEQ_REFUSED_CLOSED -106

// Refused: no lane of that name.
#define LANEQ_REFUSED_UNKNOWN_LANE -107

// Refused: runs of an isolated lane may only spawn into it.
#define LANEQ_REFUSED_ISOLATED -108

// Refused: key, text or payload is over its bound.
#define LANEQ_REFUSED_TOO_LARGE -109

// Refused: something about it cannot be right; the message says what.
#define LANEQ_REFUSED_INVALID -110

// Refused: the journal could not take it.
#define LANEQ_REFUSED_JOURNAL -111

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// `major * 65536 + minor` of the library that is linked. Check it once, before anything else.
//
// Blocks: never. In a handler: yes.
uint32_t laneq_abi_version(void);

// The version of the library, as in `0.1.0`.
//
// Blocks: never. In a handler: yes. Owner: the library; valid for ever, with a NUL at its end.
const char *laneq_version(void);

// What a status means, in a few words; also for numbers that are none.
//
// Blocks: never. In a handler: yes. Owner: the library; valid for ever, with a NUL at its end.
const char *laneq_status_text(laneq_status status);

// Reads a text.
//
// Blocks: never. In a handler: yes. Owner: the string is the text's, valid until it is freed.
laneq_status laneq_text_get(laneq_text text, struct laneq_str *out, struct laneq_error *error);

// Frees a text; 0 is fine.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_text_free(laneq_text text);

// Starts an engine. `config` NULL is the defaults.
//
// Blocks: never. In a handler: yes. Owner: the engine is the caller's, to be freed.
laneq_status laneq_engine_new(const struct laneq_config *config,
                              laneq_engine *engine,
                              struct laneq_error *error);

// What `laneq_engine_new` would say of these settings. Nothing starts.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_config_check(const struct laneq_config *config, struct laneq_error *error);

// Lets an engine go; 0 is fine. Begins a close if it was not closed, and does not wait for it:
// what waits is returned, runs are told to stop, handlers may still be called back meanwhile.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_free(laneq_engine engine);

// Replaces the settings of a running engine, whole or not at all; nothing queued is lost. `words`
// (may be NULL) gets what changed, for a person.
//
// Blocks: never on work. In a handler: yes. Owner: the text is the caller's, to be freed.
laneq_status laneq_engine_reload(laneq_engine engine,
                                 const struct laneq_config *config,
                                 laneq_text *words,
                                 struct laneq_error *error);

// All figures at one moment, as a JSON object with the names of the event `stats`.
//
// Blocks: never. In a handler: yes. Owner: the text is the caller's, to be freed.
laneq_status laneq_engine_stats(laneq_engine engine, laneq_text *json, struct laneq_error *error);

// The session key of a message: its own, or the one that its source makes.
//
// Blocks: never. In a handler: yes. Owner: the text is the caller's, to be freed.
laneq_status laneq_engine_key_of(laneq_engine engine,
                                 const struct laneq_message *message,
                                 laneq_text *key,
                                 struct laneq_error *error);

// Where the message landed.
//
// Blocks: never. In a handler: yes. Owner: the strings are the receipt's.
laneq_status laneq_receipt_landed(laneq_receipt receipt,
                                  struct laneq_landed *landed,
                                  struct laneq_error *error);

// The message as it was submitted, to be submitted anew when it was parked. `LANEQ_E_INVALID` for
// the receipt of a duplicate's first whose fate is known: its message is not kept.
//
// Blocks: never. In a handler: yes. Owner: the strings are the receipt's.
laneq_status laneq_receipt_message(laneq_receipt receipt,
                                   struct laneq_message *message,
                                   struct laneq_error *error);

// Waits for what becomes of the message, at most `timeout_ms`; -1: for ever; 0: looks only, which
// is right anywhere.
//
// Blocks: yes. In a handler: only with 0, else `LANEQ_E_WOULD_DEADLOCK`: see `laneq_run_wait`.
// Owner: the strings are the receipt's.
laneq_status laneq_receipt_wait(laneq_receipt receipt,
                                int64_t timeout_ms,
                                struct laneq_settled *settled,
                                struct laneq_error *error);

// Frees a receipt; 0 is fine.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_receipt_free(laneq_receipt receipt);

// Submits a message. `receipt` (may be NULL: nobody will ask) gets a handle. A refusal is one of
// `LANEQ_REFUSED_...`, with the detail in the error; for `LANEQ_REFUSED_DUPLICATE` alone,
// `receipt` gets a handle then too, that of the message which came first.
//
// Blocks: until the message is in the journal, if there is one; else never. In a handler: yes.
// Owner: the message stays the caller's; the receipt is the caller's, to be freed.
laneq_status laneq_submit(laneq_engine engine,
                          const struct laneq_message *message,
                          laneq_receipt *receipt,
                          struct laneq_error *error);

// As `laneq_submit`, but never waits for the journal: whether the message is accepted is told by
// `laneq_admission_wait`, or by a port (`laneq_port_watch_admission`). `admission` (may be NULL:
// nobody will ask) gets a handle. Messages of one thread keep their order. A refusal that is known
// at once is answered here; for `LANEQ_REFUSED_DUPLICATE` alone, `admission` gets a handle then
// too, which gives the receipt of the message that came first. Without a journal all is decided
// at once.
//
// Blocks: the first call of an engine with a journal, while that is read (`laneq_engine_recover`
// before it spares that); and for a message whose id is on its way into the journal, until that is
// decided. In a handler: yes. Owner: the message stays the caller's; the admission is the
// caller's, to be freed.
laneq_status laneq_submit_nowait(laneq_engine engine,
                                 const struct laneq_message *message,
                                 laneq_admission *admission,
                                 struct laneq_error *error);

// Waits until it is decided whether the message is accepted, at most `timeout_ms`; -1: for ever;
// 0: looks only, which is right anywhere. `LANEQ_OK` once it is in the journal and admitted, else
// one of `LANEQ_REFUSED_...`, as `laneq_submit`; `LANEQ_E_TIMED_OUT` while it is not decided.
// `receipt` (may be NULL) gets a handle with `LANEQ_OK` and `LANEQ_REFUSED_DUPLICATE`. It may be
// asked again: each time gives a receipt.
//
// Blocks: yes. In a handler: yes; it holds its lane's slot, for one commit. Not in a callback on
// the journal's thread: `LANEQ_E_WOULD_DEADLOCK`. Owner: the receipt is the caller's, to be freed.
laneq_status laneq_admission_wait(laneq_admission admission,
                                  int64_t timeout_ms,
                                  laneq_receipt *receipt,
                                  struct laneq_error *error);

// Frees an admission; 0 is fine.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_admission_free(laneq_admission admission);

// Brings back what the journal kept, in order and rank, and calls `each` (may be NULL) on this
// thread with a receipt of every message, also of the parked ones, whose fate is known. Call it
// once the handlers are set and the ports bound: what comes back may start at once. The first
// submit does it otherwise. Without a journal, or the second time, nothing happens. `recovered`
// (may be NULL) gets the figures. `LANEQ_E_JOURNAL` if an entry cannot be read, and each time that
// it is asked again: nothing is accepted then. `LANEQ_E_CLOSED` after a close. `LANEQ_E_FULL` if
// there were not handles for all receipts, `LANEQ_E_PANIC` if `each` panicked: all messages are
// back all the same, and `recovered` is written.
//
// Blocks: while the journal is read. In a handler: yes.
// Owner: each receipt is the host's, to be freed; `user` is used for the time of the call.
laneq_status laneq_engine_recover(laneq_engine engine,
                                  laneq_recovered_fn each,
                                  void *user,
                                  struct laneq_recovered *recovered,
                                  struct laneq_error *error);

// Why the journal takes nothing any more, in words; 0 if it is fine, or there is none. Once it
// does not, the engine has to be closed, and the journal opened anew.
//
// Blocks: never. In a handler: yes. Owner: the text is the caller's, to be freed.
laneq_status laneq_engine_journal_error(laneq_engine engine,
                                        laneq_text *words,
                                        struct laneq_error *error);

// The file with the transcript of a session: an absolute path; 0 if there is none, or no
// `transcripts.dir`.
//
// Blocks: for one look at the file system. In a handler: yes. Owner: the text is the caller's, to
// be freed.
laneq_status laneq_engine_transcript(laneq_engine engine,
                                     const char *key_data,
                                     size_t key_len,
                                     laneq_text *path,
                                     struct laneq_error *error);

// What the run is.
//
// Blocks: never. In a handler: yes. Owner: the strings are the run's.
laneq_status laneq_run_get(laneq_run run, struct laneq_run_info *info, struct laneq_error *error);

// All texts of the batch as one: the bare text of one message, or several, numbered and fenced.
//
// Blocks: never. In a handler: yes. Owner: the string is the run's.
laneq_status laneq_run_text(laneq_run run, struct laneq_str *out, struct laneq_error *error);

// One message of the batch, oldest first, from 0. Its id is always there.
//
// Blocks: never. In a handler: yes. Owner: the strings are the run's.
laneq_status laneq_run_message(laneq_run run,
                               uint32_t index,
                               struct laneq_message *message,
                               struct laneq_error *error);

// One line about a message that was dropped, oldest first, from 0.
//
// Blocks: never. In a handler: yes. Owner: the string is the run's.
laneq_status laneq_run_summary(laneq_run run,
                               uint32_t index,
                               struct laneq_str *line,
                               struct laneq_error *error);

// Says something before the end: an event `reply` that is not the last.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_say(laneq_run run,
                           const char *text,
                           size_t text_len,
                           struct laneq_error *error);

// The run is done, with this reply: a handler's once the handler returns, where the first answer
// counts; a port's now, and its handle is stale. `LANEQ_E_STALE` if a port's was abandoned.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_complete(laneq_run run,
                                const char *reply,
                                size_t reply_len,
                                struct laneq_error *error);

// The run has failed, for this reason; when, and what becomes of its handle, is as for
// `laneq_run_complete`. A handler that returns without either has failed, cause
// `LANEQ_CAUSE_DROPPED`.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_fail(laneq_run run,
                            const char *reason,
                            size_t reason_len,
                            struct laneq_error *error);

// What the run should do now: `verdict` gets `LANEQ_VERDICT_...`, `cause` (may be NULL) the
// `LANEQ_CAUSE_...` of a stop. Ask before and after every tool call.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_boundary(laneq_run run,
                                int32_t *verdict,
                                int32_t *cause,
                                struct laneq_error *error);

// Asks to end the run: one step with its inbox, so that no steer is accepted and lost. `end` gets
// `LANEQ_END_...`, `cause` (may be NULL) that of a stop, `steers` a handle if steers wait, else 0.
// Returning from the handler does the same, and makes turns of what waits.
//
// Blocks: never. In a handler: yes. Owner: the steers are the caller's, to be freed.
laneq_status laneq_run_end(laneq_run run,
                           int32_t *end,
                           int32_t *cause,
                           laneq_steers *steers,
                           struct laneq_error *error);

// Opens (1, as at the start) or closes (0) the run to steers for a while: a compaction, say.
// While closed they are accepted, held and invisible.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_set_steerable(laneq_run run, int32_t on, struct laneq_error *error);

// The run's cancel token, for its tools.
//
// Blocks: never. In a handler: yes. Owner: the token is the caller's, to be freed; it may outlive
// the run.
laneq_status laneq_run_token(laneq_run run, laneq_token *token, struct laneq_error *error);

// A child of the run's token that is cancelled after `timeout_ms` (0 or more), cause deadline.
//
// Blocks: never. In a handler: yes. Owner: as for `laneq_run_token`.
laneq_status laneq_run_token_for(laneq_run run,
                                 int64_t timeout_ms,
                                 laneq_token *token,
                                 struct laneq_error *error);

// Calls `heard` whenever a steer becomes visible or the run is stopped; also for what is so
// already. Replaces the function that was set before.
//
// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
// be NULL), which it does exactly once, also when this call fails.
laneq_status laneq_run_on_signal(laneq_run run,
                                 laneq_signal_fn heard,
                                 void *user,
                                 laneq_destroy_fn destroy,
                                 struct laneq_error *error);

// Sets the handler of a lane, once; `lane` NULL: of every lane that has none of its own, now or
// later. `options` NULL is the defaults.
//
// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
// be NULL), which it does exactly once, also when this call fails.
laneq_status laneq_engine_on_run(laneq_engine engine,
                                 const char *lane,
                                 size_t lane_len,
                                 const struct laneq_handler_options *options,
                                 laneq_run_fn handler,
                                 void *user,
                                 laneq_destroy_fn destroy,
                                 struct laneq_error *error);

// Takes the steers that wait. `steers` gets a handle, or 0 if there is nothing: none wait, the
// run is stopped or closed to steers, or another thread has taken them. `count` (may be NULL)
// gets how many. Taking again on the same thread gives the same steers.
//
// Blocks: never. In a handler: yes. Owner: the steers are the caller's, to be freed.
laneq_status laneq_run_take_steers(laneq_run run,
                                   laneq_steers *steers,
                                   uint32_t *count,
                                   struct laneq_error *error);

// How many steers there are.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_steers_count(laneq_steers steers, uint32_t *count, struct laneq_error *error);

// One steer, in order of admission, from 0. Its id is always there.
//
// Blocks: never. In a handler: yes. Owner: the strings are the steers', committed or not.
laneq_status laneq_steers_message(laneq_steers steers,
                                  uint32_t index,
                                  struct laneq_message *message,
                                  struct laneq_error *error);

// They are in the transcript: delivered, finally, also if the run fails later. Once only. The
// handle stays, to be read and freed.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_steers_commit(laneq_steers steers, struct laneq_error *error);

// Frees steers; 0 is fine. Those that were not committed are put back at their place.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_steers_free(laneq_steers steers);

// Opens a plan: the calls of one assistant message, by their ids, in source order; at most 65,536.
// The former plan must be settled.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_plan(laneq_run run,
                            const struct laneq_str *calls,
                            size_t count,
                            struct laneq_error *error);

// Asks to start a call: the boundary before it. `launch` gets `LANEQ_LAUNCH_...`, `cause` (may be
// NULL) that of a stop.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_call_start(laneq_run run,
                              const char *call,
                              size_t call_len,
                              int32_t *launch,
                              int32_t *cause,
                              struct laneq_error *error);

// One decision for every call that has not started: either all count as executing now, or all
// are cancelled. `count` (may be NULL) gets how many it was about; with 0, `launch` is go.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_call_start_rest(laneq_run run,
                                   int32_t *launch,
                                   int32_t *cause,
                                   uint32_t *count,
                                   struct laneq_error *error);

// A call has ended: the boundary after it. `failed` is 0 or 1; a failure of a call that has not
// started means that it was found wrong. `result` (may be NULL) is what the tool gave, or said.
// `verdict` and `cause` (each may be NULL) are those of `laneq_run_boundary`.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_call_finish(laneq_run run,
                               const char *call,
                               size_t call_len,
                               int32_t failed,
                               const char *result,
                               size_t result_len,
                               int32_t *verdict,
                               int32_t *cause,
                               struct laneq_error *error);

// The call's own deadline has passed; the run goes on. If the call ends after all, it is late.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_call_time_out(laneq_run run,
                                 const char *call,
                                 size_t call_len,
                                 struct laneq_error *error);

// Gives up every call that executes: cancelled, effects unknown.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_give_up_calls(laneq_run run, struct laneq_error *error);

// Closes the plan: one result a call, in source order. `LANEQ_E_CALLS_OPEN` while calls execute;
// the plan stays open then.
//
// Blocks: never. In a handler: yes. Owner: the results are the caller's, to be freed.
laneq_status laneq_run_settle(laneq_run run, laneq_results *results, struct laneq_error *error);

// How many results there are.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_results_count(laneq_results results, uint32_t *count, struct laneq_error *error);

// One result, from 0.
//
// Blocks: never. In a handler: yes. Owner: the strings are the results'.
laneq_status laneq_results_get(laneq_results results,
                               uint32_t index,
                               struct laneq_call_result *result,
                               struct laneq_error *error);

// Frees results; 0 is fine.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_results_free(laneq_results results);

// Submits a message as the run's child: if the run ends other than done, a child that waits is
// withdrawn and one that runs is stopped. Without a lane it goes to that of its agent, else to
// `subagent`. Refusals are those of `laneq_submit`, whose `receipt` this one has too.
//
// Blocks: with a journal, for the commit. In a handler: yes. Owner: the receipt is the caller's,
// to be freed.
laneq_status laneq_run_spawn(laneq_run run,
                             const struct laneq_message *message,
                             laneq_receipt *receipt,
                             struct laneq_error *error);

// As `laneq_run_spawn`, but the child outlives the run whatever becomes of it.
//
// Blocks: with a journal, for the commit. In a handler: yes. Owner: as there.
laneq_status laneq_run_spawn_detached(laneq_run run,
                                      const struct laneq_message *message,
                                      laneq_receipt *receipt,
                                      struct laneq_error *error);

// Waits inside a run for what becomes of a message, at most `timeout_ms`; -1: for ever. The lane
// slot is lent meanwhile; the call returns only after one is taken again.
// `LANEQ_E_WOULD_DEADLOCK`, at once, for a wait that could not end; `LANEQ_E_STOPPED` if the run
// is stopped.
//
// Blocks: yes. In a handler: yes, that is what it is for. Owner: the strings are the receipt's.
laneq_status laneq_run_wait(laneq_run run,
                            laneq_receipt receipt,
                            int64_t timeout_ms,
                            struct laneq_settled *settled,
                            struct laneq_error *error);

// A token of the host's own.
//
// Blocks: never. In a handler: yes. Owner: the token is the caller's, to be freed.
laneq_status laneq_token_new(laneq_token *token, struct laneq_error *error);

// A token that is cancelled with this one, but not the other way round: one a tool, say.
//
// Blocks: never. In a handler: yes. Owner: the child is the caller's, to be freed.
laneq_status laneq_token_child(laneq_token token, laneq_token *child, struct laneq_error *error);

// `cause` gets the `LANEQ_CAUSE_...` once it is cancelled, else 0.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_token_cancelled(laneq_token token, int32_t *cause, struct laneq_error *error);

// Cancels a token and all below it, for a `LANEQ_CAUSE_...`, and calls their callbacks on this
// thread. `before` (may be NULL) gets the cause of an earlier cancel, which stays, or 0.
//
// Blocks: never, but for the callbacks. In a handler: yes.
laneq_status laneq_token_cancel(laneq_token token,
                                int32_t cause,
                                int32_t *before,
                                struct laneq_error *error);

// Waits until a token is cancelled, at most `timeout_ms`; -1: for ever. `LANEQ_E_TIMED_OUT` if it
// is not.
//
// Blocks: yes. In a handler: yes; it holds its lane's slot, so wait for tokens that will come.
laneq_status laneq_token_wait(laneq_token token,
                              int64_t timeout_ms,
                              int32_t *cause,
                              struct laneq_error *error);

// Calls `heard` when the token is cancelled; at once, on this thread, if it is. `registration`
// (may be NULL: it stays for the token's life) gets a handle to take it back.
//
// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
// be NULL), which it does exactly once, after `heard`, also when this call fails; the
// registration is the caller's, to be freed.
laneq_status laneq_token_on_cancel(laneq_token token,
                                   laneq_cancel_fn heard,
                                   void *user,
                                   laneq_destroy_fn destroy,
                                   laneq_registration *registration,
                                   struct laneq_error *error);

// Takes a callback back and waits for it if it runs on another thread: afterwards it does not run
// and is not running, unless this is its own thread.
//
// Blocks: for the callback. In a handler: yes. Owner: frees the registration.
laneq_status laneq_registration_remove(laneq_registration registration, struct laneq_error *error);

// Takes a callback back, unless it runs already, and does not wait for it; 0 is fine.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_registration_free(laneq_registration registration);

// Frees a token; 0 is fine. Nothing is cancelled by that.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_token_free(laneq_token token);

// Withdraws everything that waits under the key, then stops its run: one step. `withdrawn` (may
// be NULL) gets how many, `run` (may be NULL) which run was told to stop, or 0.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_stop(laneq_engine engine,
                               const char *key_data,
                               size_t key_len,
                               uint32_t *withdrawn,
                               uint64_t *run,
                               struct laneq_error *error);

// The same for the session of a run, by the run's number.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_stop_run(laneq_engine engine,
                                   uint64_t run_id,
                                   uint32_t *withdrawn,
                                   struct laneq_error *error);

// Stops the key's run or ends its pending retry; what waits goes on. `run` (may be NULL) gets its
// number; 0: there was none.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_interrupt(laneq_engine engine,
                                    const char *key_data,
                                    size_t key_len,
                                    uint64_t *run,
                                    struct laneq_error *error);

// The same for this run alone, by its number: later runs of its session are safe.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_interrupt_run(laneq_engine engine,
                                        uint64_t run_id,
                                        struct laneq_error *error);

// Takes a message back that has not started. `answer` gets `LANEQ_WITHDRAW_...`.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_withdraw(laneq_engine engine,
                                   laneq_receipt receipt,
                                   int32_t *answer,
                                   struct laneq_error *error);

// Ends a run, by its number, although its handler still executes: its session and slot are free,
// and what the handler still asks is answered `LANEQ_E_STALE` or a stop, cause abandon.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_abandon(laneq_engine engine, uint64_t run_id, struct laneq_error *error);

// Sets the knobs of one session, in place of those that it had; `own` NULL takes them back.
//
// Blocks: the first call of an engine with a journal, while that is read. In a handler: yes.
// Owner: the knobs stay the caller's.
laneq_status laneq_engine_set_knobs(laneq_engine engine,
                                    const char *key_data,
                                    size_t key_len,
                                    const struct laneq_knobs *own,
                                    struct laneq_error *error);

// Sets a lane's concurrency, at once: 0 (paused) to 4,096, or -1 for as many as there are, up to
// the lane's ceiling. A new name makes a lane, with the handler that was set for all lanes.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_set_lane(laneq_engine engine,
                                   const char *lane,
                                   size_t lane_len,
                                   int64_t concurrency,
                                   struct laneq_error *error);

// Pauses a lane: running work finishes, nothing starts. The figure is kept.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_pause(laneq_engine engine,
                                const char *lane,
                                size_t lane_len,
                                struct laneq_error *error);

// Takes a pause back.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_engine_resume(laneq_engine engine,
                                 const char *lane,
                                 size_t lane_len,
                                 struct laneq_error *error);

// Begins to keep events. `options` NULL is the defaults.
//
// Blocks: never. In a handler: yes. Owner: the events are the caller's, to be freed.
laneq_status laneq_events_open(laneq_engine engine,
                               const struct laneq_events_options *options,
                               laneq_events *events,
                               struct laneq_error *error);

// The next event, waiting for it at most `timeout_ms`; -1: for ever; 0: looks only.
// `LANEQ_E_TIMED_OUT` if there is none yet, `LANEQ_E_CLOSED` if none will come.
//
// Blocks: yes. In a handler: only with 0, else `LANEQ_E_WOULD_DEADLOCK`. Owner: the text is the
// caller's, to be freed.
laneq_status laneq_events_next(laneq_events events,
                               int64_t timeout_ms,
                               laneq_text *json,
                               struct laneq_error *error);

// How many events were lost because nobody read them in time.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_events_lost(laneq_events events, uint64_t *lost, struct laneq_error *error);

// Ends it; 0 is fine. Whoever waits for an event goes on waiting.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_events_free(laneq_events events);

// Refuses messages from outside and waits until everything admitted has its fate, at most
// `timeout_ms`; -1: for ever. What is left then is returned, and what executes is told to stop.
// `report` may be NULL. The engine does not open again; close and free it afterwards.
//
// Blocks: yes. In a handler: no, `LANEQ_E_WOULD_DEADLOCK`. Owner: the report is the caller's, to
// be freed.
laneq_status laneq_engine_drain(laneq_engine engine,
                                int64_t timeout_ms,
                                laneq_report *report,
                                struct laneq_error *error);

// Reads a report.
//
// Blocks: never. In a handler: yes. Owner: the string is the report's.
laneq_status laneq_report_get(laneq_report report,
                              struct laneq_drained *drained,
                              struct laneq_error *error);

// One message that was returned, from 0, to be kept or submitted elsewhere.
//
// Blocks: never. In a handler: yes. Owner: the strings are the report's.
laneq_status laneq_report_returned(laneq_report report,
                                   uint32_t index,
                                   struct laneq_message *message,
                                   struct laneq_error *error);

// Frees a report; 0 is fine.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_report_free(laneq_report report);

// Stops every run, returns what waits, and joins every thread, within `timeout_ms`; -1: for ever.
// After `LANEQ_OK` no callback will come. `LANEQ_E_STUCK` if handlers still execute: they are
// fenced, and `running` (may be NULL) gets a JSON list of `{"run", "key", "lane", "age_ms"}` then.
// It may be called again. The handle stays, to be read and freed.
//
// Blocks: yes. In a handler: no, `LANEQ_E_WOULD_DEADLOCK`: free the engine there. Owner: the text
// is the caller's, to be freed.
laneq_status laneq_engine_close(laneq_engine engine,
                                int64_t timeout_ms,
                                laneq_text *running,
                                struct laneq_error *error);

// Opens a port, without lanes.
//
// Blocks: never. In a handler: yes. Owner: the port is the caller's, to be freed; what was handed
// over to the engine's handlers (`user`) ends after the last of its ports, too.
laneq_status laneq_port_open(laneq_engine engine, laneq_port *port, struct laneq_error *error);

// Binds a lane: its runs are this port's to take, and it has no workers any more. A lane has one
// port or a handler, else `LANEQ_E_INVALID`. `options` NULL is the defaults.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_port_bind(laneq_port port,
                             const char *lane,
                             size_t lane_len,
                             const struct laneq_handler_options *options,
                             struct laneq_error *error);

// Binds every lane that has no handler or port of its own, now or later.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_port_bind_any(laneq_port port,
                                 const struct laneq_handler_options *options,
                                 struct laneq_error *error);

// Has `LANEQ_NOTICE_SETTLED` told under this tag, once, when the receipt has its fate; at once if
// it has. `LANEQ_E_FULL` while `limits.max_pending` watches of this port have not been read. The
// receipt may be freed.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_port_watch(laneq_port port,
                              laneq_receipt receipt,
                              uint64_t tag,
                              struct laneq_error *error);

// Has `LANEQ_NOTICE_JOURNALED` told under this tag, once, when `laneq_admission_wait` has an
// answer; at once if it has. One watch an admission: a later one replaces it.
// `LANEQ_E_FULL` as for `laneq_port_watch`. The admission may be freed.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_port_watch_admission(laneq_port port,
                                        laneq_admission admission,
                                        uint64_t tag,
                                        struct laneq_error *error);

// A descriptor that is readable exactly while something is unread, for `poll`, `epoll`, `kqueue`
// and all that is built on them. It may be readable for something that has vanished meanwhile:
// `laneq_port_next` with 0 finds nothing then, and it is not readable any more. Each call gives the
// same. `LANEQ_E_SYSTEM` where there are none: `laneq_port_on_wake` serves there.
//
// Blocks: never. In a handler: yes. Owner: the port, until it is freed and its runs have ended: do
// not read from it, do not close it, and take it out of the loop before freeing the port.
laneq_status laneq_port_descriptor(laneq_port port, int32_t *descriptor, struct laneq_error *error);

// Calls `wake` whenever the port goes from nothing unread to something unread; at once, on this
// thread, if something is unread. Then ask `laneq_port_next` with 0 until there is nothing.
// Replaces the function that was set before. A call of it that is on its way may still come, also
// after `laneq_port_free`; `destroy` says when none will.
//
// Blocks: never. In a handler: yes. Owner: `user` is the library's until it calls `destroy` (may
// be NULL), which it does exactly once, also when this call fails.
laneq_status laneq_port_on_wake(laneq_port port,
                                laneq_wake_fn wake,
                                void *user,
                                laneq_destroy_fn destroy,
                                struct laneq_error *error);

// Frees a port; 0 is fine. Its lanes are let go: what is there, and comes, waits until another
// port binds them or a handler is set. Runs that were taken stay valid. Whoever waits in
// `laneq_port_next` hears `LANEQ_NOTICE_CLOSED`.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_port_free(laneq_port port);

// The next notice: what there is at once, else what comes within `timeout_ms`; 0: looks only; -1:
// for ever. `LANEQ_OK` with kind `LANEQ_NOTICE_NONE` when the time is over. Notices of runs come
// first, then those of tags, then a run that is ready, of each lane in its turn. Any number of
// threads may ask: each notice is heard once, but for the end.
//
// Once a submit has returned and its lane has a free slot, the run is there: no other thread has to
// do anything first. A run holds its slot until it is completed, failed or freed.
//
// Blocks: yes; with 0 only where there is a journal, for the commit that counts the attempt of a run
// that is ready. In a handler: no, `LANEQ_E_WOULD_DEADLOCK`, also with 0. Owner: a run is the
// caller's, to be completed, failed or freed.
laneq_status laneq_port_next(laneq_port port,
                             int64_t timeout_ms,
                             struct laneq_notice *notice,
                             struct laneq_error *error);

// Lends the slot of a port's run at once, until the receipt has its fate or the run is stopped;
// `LANEQ_NOTICE_WAITED` tells once every wait of the run is over and it has a slot again. After
// this call nothing of a wait before it is told any more. For loops that go on meanwhile, where
// `laneq_run_wait` would block the thread. If the run ends first, nothing is told.
// `LANEQ_E_WOULD_DEADLOCK` for a wait that could not end; `LANEQ_E_INVALID` for a handler's run.
//
// Blocks: never. In a handler: yes, for a port's run.
laneq_status laneq_run_wait_begin(laneq_run run, laneq_receipt receipt, struct laneq_error *error);

// Frees a port's run; 0 is fine. One that was neither completed nor failed ends failed, cause
// `LANEQ_CAUSE_DROPPED`. A handler's run cannot be freed: `LANEQ_E_INVALID`.
//
// Blocks: never. In a handler: yes.
laneq_status laneq_run_free(laneq_run run);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LANEQ_H */
