// Status and Result<T>: how fathom says that the outside world (a file, a config, a request) was not as wanted.
// One sentence: where, what was wanted, what was found. A broken contract of our own is FATHOM_CHECK (check.h).
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/check.h"

namespace fathom {

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  static Status error(std::string message) {
    Status s;
    s.message_ = std::move(message);
    s.ok_ = false;
    return s;
  }
  bool ok() const { return ok_; }
  const std::string& message() const { return message_; }

 private:
  bool ok_ = true;
  std::string message_;
};

/// A value or the sentence that says why there is none. Requires: ok() before value().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) { FATHOM_CHECK(!status_.ok()); }
  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  const std::string& message() const { return status_.message(); }
  T& value() & {
    FATHOM_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    FATHOM_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    FATHOM_CHECK(ok());
    return std::move(*value_);
  }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace fathom

#define FATHOM_CONCAT_INNER(a, b) a##b
#define FATHOM_CONCAT(a, b) FATHOM_CONCAT_INNER(a, b)
/// Leaves the function with the error of `expr`, a Status, if it has one.
#define FATHOM_RETURN_IF_ERROR(expr)                          \
  do {                                                        \
    if (::fathom::Status fathom_status_ = (expr); !fathom_status_.ok()) return fathom_status_; \
  } while (0)
/// FATHOM_ASSIGN_OR_RETURN(auto x, f()): x is f()'s value, or the function is left with f()'s error.
#define FATHOM_ASSIGN_OR_RETURN(lhs, expr) \
  FATHOM_ASSIGN_OR_RETURN_INNER(FATHOM_CONCAT(fathom_result_, __LINE__), lhs, expr)
#define FATHOM_ASSIGN_OR_RETURN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) return tmp.status();                 \
  lhs = std::move(tmp).value()
