// Messages.

#ifndef LANEQ_MESSAGE_HPP
#define LANEQ_MESSAGE_HPP

#include "call.hpp"

namespace laneq {

// As `laneq_knobs`; without a value it is the next level's.
struct knobs {
  std::optional<milliseconds> debounce;
  int32_t mode = 0, drop = 0;
  uint32_t cap = 0;
};

// As `laneq_message`: a key or a source, and a text or a payload.
struct message {
  std::string key, id, text, payload, meta, media, sender, authority, backlog, lane, requeued_from;
  std::string channel, account, peer, group, thread, agent, source_id;
  int32_t kind = 0, mode = 0, priority = 0;
  uint32_t attempts = 0;
  milliseconds ttl{0}, deadline{0};
  uint64_t expect_run = 0;
  std::optional<laneq::knobs> knobs;
  bool seen = false;

  message() = default;
  message(std::string key, std::string text, int32_t mode = 0)
      : key(std::move(key)), text(std::move(text)), mode(mode) {}
};

namespace detail {

// A string of a message, here and in C.
struct field {
  std::string message::*own;
  laneq_str laneq_message::*raw;
};

inline constexpr field fields[] = {
    {&message::key, &laneq_message::key},
    {&message::id, &laneq_message::id},
    {&message::text, &laneq_message::text},
    {&message::payload, &laneq_message::payload},
    {&message::meta, &laneq_message::meta},
    {&message::media, &laneq_message::media},
    {&message::sender, &laneq_message::sender},
    {&message::authority, &laneq_message::authority},
    {&message::backlog, &laneq_message::backlog},
    {&message::lane, &laneq_message::lane},
    {&message::requeued_from, &laneq_message::requeued_from},
    {&message::channel, &laneq_message::channel},
    {&message::account, &laneq_message::account},
    {&message::peer, &laneq_message::peer},
    {&message::group, &laneq_message::group},
    {&message::thread, &laneq_message::thread},
    {&message::agent, &laneq_message::agent},
    {&message::source_id, &laneq_message::source_id},
};

inline laneq_knobs raw_knobs(const knobs &from) {
  laneq_knobs raw = sized<laneq_knobs>();
  raw.has_debounce = from.debounce.has_value();
  raw.debounce_ms = static_cast<uint64_t>(from.debounce.value_or(milliseconds(0)).count());
  raw.mode = from.mode;
  raw.drop = from.drop;
  raw.cap = from.cap;
  return raw;
}

// A message as C reads it, while that message and this are there.
struct raw_message {
  laneq_knobs knobs{};
  laneq_message raw = sized<laneq_message>();

  explicit raw_message(const message &from) {
    for (const field &each : fields) raw.*each.raw = str(from.*each.own);
    // A text may be empty, if it is all there is.
    if (from.payload.empty()) raw.text = {from.text.data(), from.text.size()};
    raw.kind = from.kind;
    raw.mode = from.mode;
    raw.priority = from.priority;
    raw.attempts = from.attempts;
    raw.ttl_ms = static_cast<uint64_t>(from.ttl.count());
    raw.deadline_ms = static_cast<uint64_t>(from.deadline.count());
    raw.expect_run = from.expect_run;
    if (from.knobs) {
      knobs = raw_knobs(*from.knobs);
      raw.knobs = &knobs;
    }
  }
  raw_message(const raw_message &) = delete;
};

// The message that a call of C gives.
template <class Function, class... Arguments>
message message_of(Function function, Arguments... arguments) {
  laneq_message raw = sized<laneq_message>();
  call(function, arguments..., &raw);
  message out;
  for (const field &each : fields) out.*each.own = own(raw.*each.raw);
  out.kind = raw.kind;
  out.mode = raw.mode;
  out.priority = raw.priority;
  out.attempts = raw.attempts;
  out.ttl = milliseconds(raw.ttl_ms);
  out.deadline = milliseconds(raw.deadline_ms);
  out.expect_run = raw.expect_run;
  out.seen = raw.seen != 0;
  return out;
}

}  // namespace detail

}  // namespace laneq

#endif
