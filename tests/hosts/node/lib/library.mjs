// The shared library: where it is, whether it fits, its structs, and its functions with their types.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { raised } from './errors.mjs';

const ABI = { major: 0, minor: 1 };
const MAC = process.platform === 'darwin';
const PLAIN = MAC ? 'liblaneq.dylib' : 'liblaneq.so';
const BY_LINKER = MAC ? `liblaneq.${ABI.major}.dylib` : `liblaneq.so.${ABI.major}`;

// Strings that we give are copied by koffi, those that we get are read by pointer and length.
const given = koffi.struct({ data: 'str', len: 'size_t' });
const got = koffi.struct({ data: 'void *', len: 'size_t' });

const STRINGS = [
  'key', 'id', 'text', 'payload', 'meta', 'media', 'sender', 'authority', 'backlog', 'lane', 'requeued_from',
  'channel', 'account', 'peer', 'group', 'thread', 'agent', 'source_id',
];

const Knobs = koffi.struct({
  struct_size: 'size_t', debounce_ms: 'uint64_t', has_debounce: 'int32_t', mode: 'int32_t', drop: 'int32_t',
  cap: 'uint32_t',
});

const message = (string) => koffi.struct({
  struct_size: 'size_t',
  ...Object.fromEntries(STRINGS.map((name) => [name, string])),
  kind: 'int32_t', mode: 'int32_t', priority: 'int32_t', attempts: 'uint32_t', ttl_ms: 'uint64_t',
  deadline_ms: 'uint64_t', expect_run: 'uint64_t', knobs: koffi.pointer(Knobs), seen: 'int32_t', reserved: 'int32_t',
});

export const structs = {
  Knobs,
  Str: given,
  Text: got,
  Message: message(given),
  MessageOut: message(got),
  Config: koffi.struct({ struct_size: 'size_t', text: given, name: given, format: 'int32_t', reserved: 'int32_t' }),
  Options: koffi.struct({ struct_size: 'size_t', flag: 'int32_t', reserved: 'int32_t' }),
  Landed: koffi.struct({
    struct_size: 'size_t', id: got, key: got, run: 'uint64_t', placement: 'int32_t', fallback: 'int32_t',
    position: 'uint32_t', reserved: 'int32_t',
  }),
  Settled: koffi.struct({
    struct_size: 'size_t', reply: got, error: got, run: 'uint64_t', fate: 'int32_t', outcome: 'int32_t',
    lead: 'int32_t', reserved: 'int32_t',
  }),
  RunInfo: koffi.struct({
    struct_size: 'size_t', key: got, lane: got, id: 'uint64_t', attempt: 'uint32_t', messages: 'uint32_t',
    summary_of: 'uint32_t', summary_lines: 'uint32_t',
  }),
  CallResult: koffi.struct({
    struct_size: 'size_t', call: got, result: got, state: 'int32_t', effects: 'int32_t', code: 'int32_t',
    error: 'int32_t',
  }),
  Drained: koffi.struct({
    struct_size: 'size_t', json: got, complete: 'int32_t', settled: 'uint32_t', returned: 'uint32_t',
    running: 'uint32_t',
  }),
  Notice: koffi.struct({
    struct_size: 'size_t', kind: 'int32_t', cause: 'int32_t', run: 'uint64_t', run_id: 'uint64_t', tag: 'uint64_t',
  }),
};

// One letter an argument: `h` handle or number of a run, `i` int32, `u` uint32, `U` size, `l` int64, `s` a string and
// its length, `p` a pointer, `m` a message, `c` a config, `o` options, `k` knobs, `a` strings, `e` the error.
const LETTERS = {
  h: ['uint64_t'], i: ['int32_t'], u: ['uint32_t'], U: ['size_t'], l: ['int64_t'], s: ['str', 'size_t'], p: ['void *'],
  m: [koffi.pointer(structs.Message)], c: [koffi.pointer(structs.Config)], o: [koffi.pointer(structs.Options)],
  k: [koffi.pointer(Knobs)], a: [koffi.pointer(structs.Str)], e: ['void *'],
};

const FUNCTIONS = {
  engine_new: 'cpe', engine_free: 'h', engine_reload: 'hcpe', engine_stats: 'hpe', engine_drain: 'hlpe',
  engine_close: 'hlpe', engine_interrupt: 'hspe', engine_interrupt_run: 'hhe', engine_stop: 'hsppe',
  engine_withdraw: 'hhpe', engine_abandon: 'hhe', engine_set_knobs: 'hske', engine_set_lane: 'hsle',
  engine_pause: 'hse', engine_resume: 'hse', engine_recover: 'hpppe', engine_journal_error: 'hpe',
  engine_transcript: 'hspe', engine_key_of: 'hmpe',
  submit_nowait: 'hmpe', admission_wait: 'hlpe', admission_free: 'h',
  receipt_landed: 'hpe', receipt_message: 'hpe', receipt_wait: 'hlpe', receipt_free: 'h',
  text_get: 'hpe', text_free: 'h',
  run_get: 'hpe', run_text: 'hpe', run_message: 'hupe', run_summary: 'hupe', run_say: 'hse', run_complete: 'hse',
  run_fail: 'hse', run_free: 'h', run_boundary: 'hppe', run_end: 'hpppe', run_set_steerable: 'hie',
  run_take_steers: 'hppe', run_plan: 'haUe', run_give_up_calls: 'he', run_settle: 'hpe', run_spawn: 'hmpe',
  run_spawn_detached: 'hmpe', run_wait_begin: 'hhe',
  call_start: 'hsppe', call_start_rest: 'hpppe', call_finish: 'hsisppe', call_time_out: 'hse',
  steers_count: 'hpe', steers_message: 'hupe', steers_commit: 'he', steers_free: 'h',
  results_count: 'hpe', results_get: 'hupe', results_free: 'h',
  events_open: 'hope', events_next: 'hlpe', events_lost: 'hpe', events_free: 'h',
  report_get: 'hpe', report_returned: 'hupe', report_free: 'h',
  port_open: 'hpe', port_bind: 'hsoe', port_bind_any: 'hoe', port_next: 'hlpe', port_watch: 'hhhe',
  port_watch_admission: 'hhhe', port_descriptor: 'hpe', port_free: 'h',
};

function load() {
  const beside = fileURLToPath(new URL(PLAIN, import.meta.url));
  const place = process.env.LANEQ_LIBRARY || (existsSync(beside) ? beside : BY_LINKER);
  let library;
  try {
    library = koffi.load(place);
  } catch (error) {
    throw new Error(
      `${error.message}: set LANEQ_LIBRARY to ${PLAIN}, put it at ${beside}, or install it with src/capi/install.sh`);
  }
  const version = library.func('laneq_abi_version', 'uint32_t', [])();
  const [major, minor] = [version >>> 16, version & 0xffff];
  if (major !== ABI.major || minor < ABI.minor) {
    throw new Error(
      `${place} has ABI ${major}.${minor}; this package needs ${ABI.major}.${ABI.minor} or a later minor`);
  }
  return library;
}

const library = load();
const ERROR_BYTES = 8 + 1024;
// Calls that do not wait happen one at a time, on this thread.
const error = Buffer.alloc(ERROR_BYTES);

const words = (at) => at.toString('utf8', 8, 8 + at.readUInt32LE(4));

function prepared(name, letters) {
  const types = [...letters].flatMap((letter) => LETTERS[letter]);
  const raw = library.func(`laneq_${name}`, 'int32_t', types);
  if (!letters.endsWith('e')) return raw;
  const call = (...given) => {
    const status = raw(...given, error);
    if (status !== 0) throw raised(status, words(error));
  };
  // On a thread of libuv's pool, for calls that wait.
  call.aside = (...given) => new Promise((done, failed) => {
    const own = Buffer.alloc(ERROR_BYTES);
    raw.async(...given, own, (fault, status) => {
      if (fault) failed(fault);
      else if (status !== 0) failed(raised(status, words(own)));
      else done();
    });
  });
  return call;
}

/** The functions by their names without `laneq_`. One with an error throws it; others answer their status. */
export const C = Object.fromEntries(
  Object.entries(FUNCTIONS).map(([name, letters]) => [name, prepared(name, letters)]));

export const version = library.func('laneq_version', 'str', [])();

// What is written for us: a number, or a struct that knows its size.

/** Room for a number of 8 bytes, or of 4. */
export const room = () => Buffer.alloc(8);
export const handleIn = (at) => Number(at.readBigUInt64LE());

const sizes = new Map();

/** Room for a struct. */
export function sized(type) {
  let size = sizes.get(type);
  if (size === undefined) sizes.set(type, (size = koffi.sizeof(type)));
  const made = Buffer.alloc(size);
  made.writeBigUInt64LE(BigInt(size));
  return made;
}

export const size = (type) => koffi.sizeof(type);
export const read = (at, type) => koffi.decode(at, type);

// Strings.

/** A string for a struct: NULL for null and undefined. */
export const str = (text) => (text == null ? { data: null, len: 0 } : { data: text, len: Buffer.byteLength(text) });
/** A string as two arguments. */
export const two = (text) => (text == null ? [null, 0] : [text, Buffer.byteLength(text)]);
/** A string that was given to us. */
export const text = ({ data, len }) => {
  if (data === null) return null;
  return Number(len) === 0 ? '' : Buffer.from(koffi.view(data, Number(len))).toString('utf8');
};

/** Reads a text and frees it; null for none. */
export function takeText(at) {
  const handle = handleIn(at);
  if (handle === 0) return null;
  try {
    const found = Buffer.alloc(16);
    C.text_get(handle, found);
    return text(read(found, structs.Text));
  } finally {
    C.text_free(handle);
  }
}

/** Calls `work` when the descriptor is readable, as long as it is. */
export const watch = (descriptor, work) => koffi.node.poll(descriptor, { readable: true }, work);
