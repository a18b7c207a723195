// Events, and what the end of an engine comes to.

#ifndef LANEQ_ENDING_HPP
#define LANEQ_ENDING_HPP

#include "message.hpp"

#include <vector>

namespace laneq {

// What a drain came to, as `laneq_drained`, with the messages that are the host's again.
struct drained {
  std::string json;
  bool complete;
  uint32_t settled, running;
  std::vector<message> returned;
};

// A close is not done: handlers still execute, and are fenced.
class stuck : public error {
 public:
  stuck(const std::string &message, std::string running)
      : error(LANEQ_E_STUCK, message), running(std::move(running)) {}

  // A JSON list of `{"run", "key", "lane", "age_ms"}`.
  std::string running;
};

// The newest events from its opening on, each a JSON object.
class events {
 public:
  explicit events(laneq_events taken) noexcept : held(taken) {}
  laneq_events get() const noexcept { return held.get(); }

  // None: the engine is closed, and none will come.
  std::optional<std::string> next() {
    detail::handle<laneq_text_free> json;
    try {
      detail::call(laneq_events_next, get(), int64_t{-1}, json.out());
    } catch (const error &over) {
      if (over.status != LANEQ_E_CLOSED) throw;
      return {};
    }
    return detail::read(std::move(json));
  }

  // None: none came in time. Throws `LANEQ_E_CLOSED` if none will.
  std::optional<std::string> next_for(milliseconds timeout) {
    detail::handle<laneq_text_free> json;
    if (!detail::waited(laneq_events_next, get(), int64_t{timeout.count()}, json.out())) return {};
    return detail::read(std::move(json));
  }

  uint64_t lost() const {
    uint64_t lost = 0;
    detail::call(laneq_events_lost, get(), &lost);
    return lost;
  }

 private:
  detail::handle<laneq_events_free> held;
};

}  // namespace laneq

#endif
