// A run, as its handler sees it, or whoever has taken it from a port.

#ifndef LANEQ_RUN_HPP
#define LANEQ_RUN_HPP

#include "receipt.hpp"
#include "token.hpp"

#include <vector>

namespace laneq {

// Steers that a run has taken: commit them once they are in the transcript. Those of an object
// that goes uncommitted are put back at their place.
class steers {
 public:
  explicit steers(laneq_steers taken = 0) noexcept : held(taken) {}
  laneq_steers get() const noexcept { return held.get(); }
  explicit operator bool() const noexcept { return get() != 0; }

  std::vector<message> messages() const {
    std::vector<message> out;
    uint32_t count = 0;
    if (get() != 0) detail::call(laneq_steers_count, get(), &count);
    for (uint32_t i = 0; i < count; i++) {
      out.push_back(detail::message_of(laneq_steers_message, get(), i));
    }
    return out;
  }

  void commit() { detail::call(laneq_steers_commit, get()); }

 private:
  detail::handle<laneq_steers_free> held;
};

// What a boundary answers: `is` a `LANEQ_VERDICT_...` or `LANEQ_LAUNCH_...`, `cause` that of a stop.
struct answer {
  int32_t is = 0, cause = 0;
};

// What the end of a run answers: `is` a `LANEQ_END_...`, `taken` the steers that came first.
struct ending {
  int32_t is = 0, cause = 0;
  steers taken;
};

// As `laneq_call_result`.
struct call_result {
  std::string call;
  std::optional<std::string> result;
  int32_t state, effects, code;
  bool error;
};

// As `laneq_run_info`.
struct run_info {
  std::string key, lane;
  uint64_t id;
  uint32_t attempt, messages, summary_of, summary_lines;
};

// A run in progress. A handler's is there for the time of its call. A port's is its owner's to
// complete or fail, and an object that goes before has failed.
class run {
 public:
  // Takes a handle over.
  explicit run(laneq_run taken = 0) noexcept : held(taken) {}
  laneq_run get() const noexcept { return held.get(); }

  run_info info() const {
    laneq_run_info raw = detail::sized<laneq_run_info>();
    detail::call(laneq_run_get, get(), &raw);
    return {detail::own(raw.key), detail::own(raw.lane), raw.id, raw.attempt, raw.messages,
            raw.summary_of, raw.summary_lines};
  }

  std::string key() const { return info().key; }

  std::string text() const {
    laneq_str out;
    detail::call(laneq_run_text, get(), &out);
    return detail::own(out);
  }

  std::vector<message> messages() const {
    std::vector<message> out;
    for (uint32_t i = 0, count = info().messages; i < count; i++) {
      out.push_back(detail::message_of(laneq_run_message, get(), i));
    }
    return out;
  }

  std::vector<std::string> summary() const {
    std::vector<std::string> out;
    for (uint32_t i = 0, count = info().summary_lines; i < count; i++) {
      laneq_str line;
      detail::call(laneq_run_summary, get(), i, &line);
      out.push_back(detail::own(line));
    }
    return out;
  }

  void say(std::string_view text) { detail::call(laneq_run_say, get(), text.data(), text.size()); }

  void complete(std::string_view reply) {
    detail::call(laneq_run_complete, get(), reply.data(), reply.size());
  }

  void fail(std::string_view reason) {
    detail::call(laneq_run_fail, get(), reason.data(), reason.size());
  }

  answer boundary() {
    answer out;
    detail::call(laneq_run_boundary, get(), &out.is, &out.cause);
    return out;
  }

  // None if there is nothing to take.
  steers take_steers() {
    laneq_steers out = 0;
    detail::call(laneq_run_take_steers, get(), &out, nullptr);
    return steers(out);
  }

  ending end() {
    laneq_steers taken = 0;
    ending out;
    detail::call(laneq_run_end, get(), &out.is, &out.cause, &taken);
    out.taken = steers(taken);
    return out;
  }

  void set_steerable(bool on) { detail::call(laneq_run_set_steerable, get(), int32_t{on}); }

  laneq::token token() const {
    laneq_token out = 0;
    detail::call(laneq_run_token, get(), &out);
    return laneq::token(out);
  }

  laneq::token token_for(milliseconds timeout) const {
    laneq_token out = 0;
    detail::call(laneq_run_token_for, get(), int64_t{timeout.count()}, &out);
    return laneq::token(out);
  }

  // `hears` gets `LANEQ_SIGNAL_...`.
  void on_signal(std::function<void(int32_t)> hears) {
    detail::lend(laneq_run_on_signal, std::move(hears), get());
  }

  void plan(const std::vector<std::string> &calls) {
    std::vector<laneq_str> raw;
    for (const std::string &call : calls) raw.push_back(detail::str(call));
    detail::call(laneq_run_plan, get(), raw.data(), raw.size());
  }

  answer start(std::string_view call) {
    answer out;
    detail::call(laneq_call_start, get(), call.data(), call.size(), &out.is, &out.cause);
    return out;
  }

  answer start_rest() {
    answer out;
    detail::call(laneq_call_start_rest, get(), &out.is, &out.cause, nullptr);
    return out;
  }

  answer finish(std::string_view call, std::string_view result) { return finish(call, 0, result); }

  answer finish_failed(std::string_view call, std::string_view reason) {
    return finish(call, 1, reason);
  }

  void time_out(std::string_view call) {
    detail::call(laneq_call_time_out, get(), call.data(), call.size());
  }

  void give_up_calls() { detail::call(laneq_run_give_up_calls, get()); }

  std::vector<call_result> settle() {
    detail::handle<laneq_results_free> results;
    uint32_t count = 0;
    detail::call(laneq_run_settle, get(), results.out());
    detail::call(laneq_results_count, results.get(), &count);
    std::vector<call_result> out;
    for (uint32_t i = 0; i < count; i++) {
      laneq_call_result raw = detail::sized<laneq_call_result>();
      detail::call(laneq_results_get, results.get(), i, &raw);
      out.push_back({detail::own(raw.call), detail::maybe(raw.result), raw.state, raw.effects,
                     raw.code, raw.error != 0});
    }
    return out;
  }

  receipt spawn(const message &child) {
    detail::raw_message raw(child);
    return detail::submitted(laneq_run_spawn, get(), &raw.raw);
  }

  receipt spawn_detached(const message &child) {
    detail::raw_message raw(child);
    return detail::submitted(laneq_run_spawn_detached, get(), &raw.raw);
  }

  // The lane slot is lent meanwhile.
  settled wait(const receipt &of) {
    laneq_settled raw = detail::sized<laneq_settled>();
    detail::call(laneq_run_wait, get(), of.get(), int64_t{-1}, &raw);
    return settled(raw);
  }

  std::optional<settled> wait_for(const receipt &of, milliseconds timeout) {
    laneq_settled raw = detail::sized<laneq_settled>();
    if (!detail::waited(laneq_run_wait, get(), of.get(), int64_t{timeout.count()}, &raw)) return {};
    return settled(raw);
  }

  // A port's run alone: lends the slot, and goes on. `LANEQ_NOTICE_WAITED` tells the rest.
  void wait_begin(const receipt &of) { detail::call(laneq_run_wait_begin, get(), of.get()); }

 private:
  answer finish(std::string_view call, int32_t failed, std::string_view result) {
    answer out;
    detail::call(laneq_call_finish, get(), call.data(), call.size(), failed, result.data(),
                 result.size(), &out.is, &out.cause);
    return out;
  }

  // Of a handler's run the library keeps the end: to free it does nothing.
  detail::handle<laneq_run_free> held;
};

}  // namespace laneq

#endif
