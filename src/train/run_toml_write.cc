// Writes a RunConfig as a RUN.toml: every key, in the order of the list.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "train/run_fields.h"

namespace fathom {
namespace {

// TOML's basic strings are JSON's, for text without the character 0x7f.
std::string quoted(const std::string& text) {
  std::string out =
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (size_t at; (at = out.find('\x7f')) != std::string::npos;) out.replace(at, 1, "\\u007f");
  return out;
}

// Shortest digits that read back equal; a whole number keeps its point, so that TOML sees a float.
std::string number(double x) {
  std::string s = fmt::format("{}", x);
  if (s.find_first_of(".en") == std::string::npos) s += ".0";
  return s;
}

std::string length_text(const Length& length) {
  switch (length.unit) {
    case LengthUnit::kSteps:
      return fmt::format(", steps = {}", number(length.amount));
    case LengthUnit::kTokens:
      return fmt::format(", tokens = {}", number(length.amount));
    case LengthUnit::kFraction:
      return fmt::format(", fraction = {}", number(length.amount));
    case LengthUnit::kRest:
      break;
  }
  return "";
}

std::string phase_text(const Phase& phase) {
  const char* const shapes[] = {"constant", "linear", "cosine"};
  std::string text = fmt::format("{{ shape = \"{}\", value = {}",
                                 shapes[static_cast<int>(phase.shape)], number(phase.value));
  if (phase.from) text += fmt::format(", from = {}", number(*phase.from));
  return text + length_text(phase.length) + " }";
}

class Writer final : public RunFields {
 public:
  const std::string& text() const { return text_; }

  void section(const char* name) override {
    text_ += fmt::format("{}[{}]\n", text_.empty() ? "" : "\n", name);
  }
  void integer(const char* key, int64_t& value, IntegerRange) override {
    line(key, fmt::format("{}", value));
  }
  void real(const char* key, double& value, RealRange) override { line(key, number(value)); }
  void flag(const char* key, bool& value) override { line(key, value ? "true" : "false"); }
  void choice(const char* key, int& value, std::initializer_list<const char*> names) override {
    line(key, quoted(names.begin()[value]));
  }
  void path(const char* key, std::filesystem::path& value) override {
    if (!value.empty()) line(key, quoted(value.string()));
  }
  void mix(const char* key, std::vector<MixPart>& value) override {
    std::string parts;
    for (const MixPart& p : value) {
      parts +=
          fmt::format("{}{} = {}", parts.empty() ? "" : ", ", quoted(p.name), number(p.weight));
    }
    if (!value.empty()) line(key, "{ " + parts + " }");
  }
  void sources(const char* key, std::vector<DataSource>& value) override {
    if (value.empty()) return;
    std::string list = "[\n";
    for (const DataSource& s : value) {
      list += fmt::format("  {{ path = {}, weight = {}", quoted(s.path.string()), number(s.weight));
      if (!s.glob.empty()) list += ", glob = " + quoted(s.glob);
      if (!s.separator.empty()) list += ", separator = " + quoted(s.separator);
      list += " },\n";
    }
    line(key, list + "]");
  }
  void curve(const char* key, Curve& value, RealRange) override {
    if (value.empty()) return;
    const Phase& first = value.front();
    if (value.size() == 1 && first.shape == PhaseShape::kConstant &&
        first.length.unit == LengthUnit::kRest) {
      return line(key, number(first.value));
    }
    std::string list = "[\n";
    for (const Phase& phase : value) list += "  " + phase_text(phase) + ",\n";
    line(key, list + "]");
  }
  void model_keys(std::string& json_text) override {
    if (json_text.empty()) return;
    const auto keys = nlohmann::json::parse(json_text);
    for (const auto& [key, value] : keys.items()) line(quoted(key).c_str(), inline_value(value));
  }

 private:
  void line(const char* key, const std::string& value) {
    text_ += fmt::format("{} = {}\n", key, value);
  }

  static std::string inline_value(const nlohmann::json& value) {
    if (value.is_string()) return quoted(value.get<std::string>());
    if (value.is_number_float()) return number(value.get<double>());
    if (!value.is_structured()) return value.dump();
    std::string out;
    for (const auto& [key, inner] : value.items()) {
      if (!out.empty()) out += ", ";
      out += value.is_object() ? quoted(key) + " = " + inline_value(inner) : inline_value(inner);
    }
    return value.is_object() ? "{ " + out + " }" : "[" + out + "]";
  }

  std::string text_;
};

}  // namespace

std::string write_run_fields(const std::function<void(RunFields&)>& describe) {
  Writer writer;
  describe(writer);
  return writer.text();
}

}  // namespace fathom
