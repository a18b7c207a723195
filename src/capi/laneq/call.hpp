// How a call of C is made: statuses become exceptions, handles objects, lambdas callbacks.

#ifndef LANEQ_CALL_HPP
#define LANEQ_CALL_HPP

#include "../laneq.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace laneq {

using milliseconds = std::chrono::milliseconds;

// What went wrong; `what()` is the message.
class error : public std::runtime_error {
 public:
  error(laneq_status status, const std::string &message)
      : std::runtime_error(message), status(status) {}

  // `LANEQ_E_...`, or `LANEQ_REFUSED_...`.
  laneq_status status;
};

namespace detail {

inline laneq_str str(std::string_view text) {
  return {text.empty() ? nullptr : text.data(), text.size()};
}

inline std::string own(laneq_str text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.len);
}

inline std::optional<std::string> maybe(laneq_str text) {
  return text.data == nullptr ? std::nullopt : std::optional<std::string>(own(text));
}

inline std::string words(const laneq_error &error) { return {error.message, error.message_len}; }

// One call of C, whose last argument is the error.
template <class Function, class... Arguments>
void call(Function function, Arguments... arguments) {
  laneq_error said;
  laneq_status status = function(arguments..., &said);
  if (status != LANEQ_OK) throw error(status, words(said));
}

// The same of a call that waits: false if the time is over.
template <class Function, class... Arguments>
bool waited(Function function, Arguments... arguments) {
  laneq_error said;
  laneq_status status = function(arguments..., &said);
  if (status != LANEQ_OK && status != LANEQ_E_TIMED_OUT) throw error(status, words(said));
  return status == LANEQ_OK;
}

template <class Struct>
Struct sized() {
  Struct made{};
  made.struct_size = sizeof made;
  return made;
}

// A handle of C, freed at the end.
template <laneq_status (*Free)(uint64_t)>
class handle {
 public:
  explicit handle(uint64_t value = 0) noexcept : value(value) {}
  handle(handle &&other) noexcept : value(other.release()) {}
  // By value: what was held is freed at once.
  handle &operator=(handle other) noexcept {
    std::swap(value, other.value);
    return *this;
  }
  ~handle() { Free(value); }

  uint64_t get() const noexcept { return value; }
  uint64_t *out() noexcept { return &value; }
  uint64_t release() noexcept { return std::exchange(value, 0); }

 private:
  uint64_t value;
};

// A text of C, read and freed.
inline std::string read(handle<laneq_text_free> text) {
  laneq_str out;
  call(laneq_text_get, text.get(), &out);
  return own(out);
}

// What C keeps as `user` for a lambda, and how that ends.
template <class Function>
void *user(Function function) {
  return new Function(std::move(function));
}

template <class Function>
void destroy(void *user) noexcept {
  delete static_cast<Function *>(user);
}

// An event for a lambda: nobody is there to take what it throws.
template <class... Arguments>
void heard(void *user, Arguments... arguments) noexcept {
  try {
    (*static_cast<std::function<void(Arguments...)> *>(user))(arguments...);
  } catch (...) {
  }
}

template <class Function, class... Arguments, class... Before>
void lend(Function function, std::function<void(Arguments...)> hears, Before... before) {
  using Hears = std::function<void(Arguments...)>;
  call(function, before..., heard<Arguments...>, user(std::move(hears)), destroy<Hears>);
}

}  // namespace detail

}  // namespace laneq

#endif
