// Reads the keys of one JSON object, each with its type, its range and its default. The first
// contradiction is kept and everything after it returns defaults, so that a reader of keys is a
// plain list.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

class Fields {
 public:
  /// `object` must outlive this. `prefix` ends what messages call the place: "config.json: ".
  Fields(const nlohmann::json& object, std::string prefix)
      : object_(object), prefix_(std::move(prefix)) {}

  /// There and not null.
  bool has(const char* key) const;
  /// There and null.
  bool is_null(const char* key) const;
  const nlohmann::json& at(const char* key) const { return object_.at(key); }
  /// Fields of the object under `key`; errors go to that object, see adopt().
  Fields inner(const char* key) const;

  int64_t integer(const char* key, int64_t absent, int64_t min, int64_t max);
  /// As integer(), but the key must be there.
  int64_t required(const char* key, int64_t min, int64_t max);
  double number(const char* key, double absent, double min, double max);
  double required_number(const char* key, double min, double max);
  bool boolean(const char* key, bool absent);
  /// Index of the key's value among `allowed`.
  size_t choice(const char* key, size_t absent, std::initializer_list<const char*> allowed);
  std::string text(const char* key, const char* absent);
  /// null: none; an integer or a list of integers >= 0.
  std::vector<int64_t> ids(const char* key);
  /// Refuses a key that is there with another value than `only`.
  void only(const char* key, const nlohmann::json& only);

  /// Records `prefix key: wanted wanted, found found`, if nothing was recorded before.
  void refuse(const char* key, const std::string& wanted, const std::string& found);
  /// The same with the value found under the key, or nothing.
  void refuse(const char* key, const std::string& wanted);
  void adopt(const Fields& inner) {
    if (status_.ok()) status_ = inner.status_;
  }
  const Status& status() const { return status_; }

 private:
  const nlohmann::json& object_;
  std::string prefix_;
  Status status_;
};

}  // namespace fathom
