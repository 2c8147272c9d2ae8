// The list of RUN.toml's keys as a visitor sees it: describe_run_config calls one function for each
// key, in the order of the file. run_toml_read.cc visits it to read, run_toml_write.cc to write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "train/run_config.h"

namespace fathom {

struct RealRange {
  double least, most;
};
struct IntegerRange {
  int64_t least, most;
};

class RunFields {
 public:
  virtual ~RunFields() = default;
  virtual void section(const char* name) = 0;
  virtual void integer(const char* key, int64_t& value, IntegerRange range) = 0;
  virtual void real(const char* key, double& value, RealRange range) = 0;
  virtual void flag(const char* key, bool& value) = 0;
  /// value: index into names.
  virtual void choice(const char* key, int& value, std::initializer_list<const char*> names) = 0;
  virtual void path(const char* key, std::filesystem::path& value) = 0;
  virtual void sources(const char* key, std::vector<DataSource>& value) = 0;
  /// A number, or an array of phases {shape, value, from, steps | tokens | fraction}.
  virtual void curve(const char* key, Curve& value, RealRange range) = 0;
  /// What else the section holds: keys of a config.json, as the text of a JSON object.
  virtual void model_keys(std::string& json) = 0;

  template <typename Enum>
  void choice_of(const char* key, Enum& value, std::initializer_list<const char*> names) {
    int idx = static_cast<int>(value);
    choice(key, idx, names);
    value = static_cast<Enum>(idx);
  }
};

void describe_run_config(RunFields& fields, RunConfig& config);

/// Errors of a reader stop at the first.
Result<RunConfig> read_run_toml(std::string_view text, const std::string& where,
                                const std::filesystem::path& base,
                                const std::vector<std::string>& overrides);

}  // namespace fathom
