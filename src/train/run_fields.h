// The keys of a RUN.toml as a visitor sees them: a describe function calls one function for each
// key, in the order of the file; run_toml_read.cc visits it to read, run_toml_write.cc to write.
// What a run of pretraining says is in run_config.cc, a run of reinforcement learning's in
// rl/rl_config.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
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

/// A part of a mix by its name.
struct MixPart {
  std::string name;
  double weight = 1;
  bool operator==(const MixPart&) const = default;
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
  /// "name", or a table { name = weight, … }.
  virtual void mix(const char* key, std::vector<MixPart>& value) = 0;
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

/// Reads the text of a RUN.toml (where, base, overrides: as parse_run_config has them) through
/// `describe`. Errors: the first key that is unknown or out of range, by its line.
Status read_run_fields(std::string_view text, const std::string& where,
                       const std::filesystem::path& base, const std::vector<std::string>& overrides,
                       const std::function<void(RunFields&)>& describe);

/// The text with every key that `describe` names, in that order.
std::string write_run_fields(const std::function<void(RunFields&)>& describe);

}  // namespace fathom
