// Ports: for hosts with threads, or an event loop, of their own.

#ifndef LANEQ_PORT_HPP
#define LANEQ_PORT_HPP

#include "handler.hpp"

namespace laneq {

// A message on its way through the journal, which it goes also without.
class admission {
 public:
  // Takes a handle over.
  explicit admission(laneq_admission taken) noexcept : held(taken) {}
  laneq_admission get() const noexcept { return held.get(); }

  // Throws `refused`.
  receipt wait() const { return detail::submitted(laneq_admission_wait, get(), int64_t{-1}); }

  std::optional<receipt> wait_for(milliseconds timeout) const {
    laneq_error said;
    laneq_receipt out = 0;
    laneq_status status = laneq_admission_wait(get(), timeout.count(), &out, &said);
    if (status == LANEQ_E_TIMED_OUT) return {};
    return detail::accepted(status, out, said);
  }

 private:
  detail::handle<laneq_admission_free> held;
};

// As `laneq_notice`; `kind` is a `LANEQ_NOTICE_...`. The run of one that is ready is its owner's.
struct notice {
  int32_t kind = LANEQ_NOTICE_NONE, cause = 0;
  laneq::run run;
  uint64_t run_id = 0, tag = 0;
};

// Where the host's threads take runs, and hear all else. An object that goes lets its lanes go;
// runs that were taken stay valid.
class port {
 public:
  // Takes a handle over.
  explicit port(laneq_port taken) noexcept : held(taken) {}
  laneq_port get() const noexcept { return held.get(); }

  void bind(std::string_view lane, handler_options options = {}) {
    laneq_handler_options raw = detail::raw_options(options);
    detail::call(laneq_port_bind, get(), lane.data(), lane.size(), &raw);
  }

  void bind_any(handler_options options = {}) {
    laneq_handler_options raw = detail::raw_options(options);
    detail::call(laneq_port_bind_any, get(), &raw);
  }

  notice next() { return next_for(milliseconds(-1)); }

  // Of kind `LANEQ_NOTICE_NONE` if the time is over.
  notice next_for(milliseconds timeout) {
    laneq_notice raw = detail::sized<laneq_notice>();
    detail::call(laneq_port_next, get(), int64_t{timeout.count()}, &raw);
    return {raw.kind, raw.cause, run(raw.run), raw.run_id, raw.tag};
  }

  void watch(const receipt &of, uint64_t tag) {
    detail::call(laneq_port_watch, get(), of.get(), tag);
  }

  void watch(const admission &of, uint64_t tag) {
    detail::call(laneq_port_watch_admission, get(), of.get(), tag);
  }

  // For `poll`: readable exactly while something is unread. It is the port's.
  int descriptor() {
    int32_t out = 0;
    detail::call(laneq_port_descriptor, get(), &out);
    return out;
  }

  void on_wake(std::function<void()> hears) {
    detail::lend(laneq_port_on_wake, std::move(hears), get());
  }

 private:
  detail::handle<laneq_port_free> held;
};

}  // namespace laneq

#endif
