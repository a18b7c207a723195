/*
 * laneq for C++17: `laneq.h` with classes that free what they hold. Header only; link with laneq.
 *
 * Every member calls the C function of its name: whether it blocks, and whether a handler may call
 * it, is said there. What differs is said here.
 *
 * Objects. Classes hold one handle, move, and do not copy. Destructors free the handle and never
 * block: an engine that goes begins a close and does not wait for it, so `close` it before.
 * `get()` is the handle, for calls of one's own; it stays the object's.
 *
 * Strings come in as `std::string_view` and go out as `std::string`, copies both. Empty is none.
 *
 * Numbers (`LANEQ_MODE_...`, 0 is the default) are those of laneq.h.
 *
 * Times are `std::chrono::milliseconds`. `wait` waits for ever; `wait_for` gives nothing if the
 * time is over before: `wait_for(0ms)` looks only.
 *
 * Errors are exceptions: `laneq::error`, for a refused message `laneq::refused`.
 *
 * Callbacks are lambdas, called on threads of the library. None of their exceptions gets out: that
 * of a handler fails its run, with `what()`; any other is dropped. What they capture is destroyed
 * exactly once, also when the call that got them fails; that must not throw.
 */

#ifndef LANEQ_HPP
#define LANEQ_HPP

#include "laneq.h"
#include "laneq/ending.hpp"
#include "laneq/port.hpp"

namespace laneq {

// As `laneq_recovered`.
struct recovered {
  uint64_t pending, retried, parked, held;
};

namespace detail {

inline void came_back(void *user, laneq_receipt handle) noexcept {
  try {
    (*static_cast<std::function<void(receipt)> *>(user))(receipt(handle));
  } catch (...) {
  }
}

inline laneq_config config(std::string_view text, std::string_view name, int32_t format) {
  laneq_config raw = sized<laneq_config>();
  raw.text = str(text);
  raw.name = str(name);
  raw.format = format;
  return raw;
}

}  // namespace detail

// An engine. One that goes begins a close and does not wait for it.
class engine {
 public:
  engine() { detail::call(laneq_engine_new, nullptr, held.out()); }

  // From settings, TOML or JSON; `name` is how errors call them, their file, say.
  explicit engine(std::string_view text, std::string_view name = {},
                  int32_t format = LANEQ_FORMAT_TOML) {
    laneq_config config = detail::config(text, name, format);
    detail::call(laneq_engine_new, &config, held.out());
  }

  // Throws what the constructor would.
  static void check(std::string_view text, std::string_view name = {},
                    int32_t format = LANEQ_FORMAT_TOML) {
    laneq_config config = detail::config(text, name, format);
    detail::call(laneq_config_check, &config);
  }

  laneq_engine get() const noexcept { return held.get(); }

  // Gives what changed, for a person.
  std::string reload(std::string_view text, std::string_view name = {},
                     int32_t format = LANEQ_FORMAT_TOML) {
    laneq_config config = detail::config(text, name, format);
    detail::handle<laneq_text_free> words;
    detail::call(laneq_engine_reload, get(), &config, words.out());
    return detail::read(std::move(words));
  }

  void on_run(std::string_view lane, handler handler, handler_options options = {}) {
    laneq_handler_options raw = detail::raw_options(options);
    detail::call(laneq_engine_on_run, get(), lane.data(), lane.size(), &raw, detail::handle_run,
                 detail::user(std::move(handler)), detail::destroy<laneq::handler>);
  }

  // For every lane that has none of its own, now or later.
  void on_run_any(handler handler, handler_options options = {}) {
    on_run({}, std::move(handler), options);
  }

  // Throws `refused`.
  receipt submit(const message &message) {
    detail::raw_message raw(message);
    return detail::submitted(laneq_submit, get(), &raw.raw);
  }

  // Never waits for the journal. Throws `refused` for what is known at once.
  admission submit_nowait(const message &message) {
    detail::raw_message raw(message);
    laneq_error said;
    laneq_admission out = 0;
    laneq_status status = laneq_submit_nowait(get(), &raw.raw, &out, &said);
    admission sent(out);
    if (status == LANEQ_OK) return sent;
    // A duplicate's: throws, with the first receipt.
    if (out != 0) sent.wait();
    detail::refuse(status, said, 0);
  }

  laneq::port port() {
    laneq_port out = 0;
    detail::call(laneq_port_open, get(), &out);
    return laneq::port(out);
  }

  // What the journal kept comes back, and `each` gets the receipts, on this thread.
  recovered recover(std::function<void(receipt)> each = [](receipt) {}) {
    laneq_recovered raw = detail::sized<laneq_recovered>();
    detail::call(laneq_engine_recover, get(), detail::came_back, static_cast<void *>(&each), &raw);
    return {raw.pending, raw.retried, raw.parked, raw.held};
  }

  // None: it is fine.
  std::optional<std::string> journal_error() const {
    detail::handle<laneq_text_free> words;
    detail::call(laneq_engine_journal_error, get(), words.out());
    if (words.get() == 0) return {};
    return detail::read(std::move(words));
  }

  // The path of a session's transcript; none: there is none.
  std::optional<std::string> transcript(std::string_view key) const {
    detail::handle<laneq_text_free> path;
    detail::call(laneq_engine_transcript, get(), key.data(), key.size(), path.out());
    if (path.get() == 0) return {};
    return detail::read(std::move(path));
  }

  std::string key_of(const message &message) const {
    detail::raw_message raw(message);
    detail::handle<laneq_text_free> key;
    detail::call(laneq_engine_key_of, get(), &raw.raw, key.out());
    return detail::read(std::move(key));
  }

  std::string stats() const {
    detail::handle<laneq_text_free> json;
    detail::call(laneq_engine_stats, get(), json.out());
    return detail::read(std::move(json));
  }

  // Gives how many messages were withdrawn.
  uint32_t stop(std::string_view key) {
    uint32_t withdrawn = 0;
    detail::call(laneq_engine_stop, get(), key.data(), key.size(), &withdrawn, nullptr);
    return withdrawn;
  }

  uint32_t stop_run(uint64_t run_id) {
    uint32_t withdrawn = 0;
    detail::call(laneq_engine_stop_run, get(), run_id, &withdrawn);
    return withdrawn;
  }

  // Gives the run that was told to stop; 0: there was none.
  uint64_t interrupt(std::string_view key) {
    uint64_t run = 0;
    detail::call(laneq_engine_interrupt, get(), key.data(), key.size(), &run);
    return run;
  }

  void interrupt_run(uint64_t run_id) { detail::call(laneq_engine_interrupt_run, get(), run_id); }

  // Gives `LANEQ_WITHDRAW_...`.
  int32_t withdraw(const receipt &of) {
    int32_t answer = 0;
    detail::call(laneq_engine_withdraw, get(), of.get(), &answer);
    return answer;
  }

  void abandon(uint64_t run_id) { detail::call(laneq_engine_abandon, get(), run_id); }

  // None takes those that were set back.
  void set_knobs(std::string_view key, const std::optional<knobs> &own) {
    laneq_knobs raw = detail::raw_knobs(own.value_or(knobs()));
    detail::call(laneq_engine_set_knobs, get(), key.data(), key.size(), own ? &raw : nullptr);
  }

  void set_lane(std::string_view lane, int64_t concurrency) {
    detail::call(laneq_engine_set_lane, get(), lane.data(), lane.size(), concurrency);
  }

  void pause(std::string_view lane) {
    detail::call(laneq_engine_pause, get(), lane.data(), lane.size());
  }

  void resume(std::string_view lane) {
    detail::call(laneq_engine_resume, get(), lane.data(), lane.size());
  }

  // With `show_text`, `run.started` carries the merged text.
  laneq::events events(bool show_text = false) {
    laneq_events_options raw = detail::sized<laneq_events_options>();
    raw.show_text = show_text;
    laneq_events out = 0;
    detail::call(laneq_events_open, get(), &raw, &out);
    return laneq::events(out);
  }

  drained drain(milliseconds timeout) {
    detail::handle<laneq_report_free> report;
    detail::call(laneq_engine_drain, get(), int64_t{timeout.count()}, report.out());
    laneq_drained raw = detail::sized<laneq_drained>();
    detail::call(laneq_report_get, report.get(), &raw);
    drained out{detail::own(raw.json), raw.complete != 0, raw.settled, raw.running, {}};
    for (uint32_t i = 0; i < raw.returned; i++) {
      out.returned.push_back(detail::message_of(laneq_report_returned, report.get(), i));
    }
    return out;
  }

  // Throws `stuck`; it may be called again then.
  void close(milliseconds timeout) {
    laneq_error said;
    detail::handle<laneq_text_free> running;
    laneq_status status = laneq_engine_close(get(), timeout.count(), running.out(), &said);
    if (status == LANEQ_E_STUCK) throw stuck(detail::words(said), detail::read(std::move(running)));
    if (status != LANEQ_OK) throw error(status, detail::words(said));
  }

 private:
  detail::handle<laneq_engine_free> held;
};

}  // namespace laneq

#endif
