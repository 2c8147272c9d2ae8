// See r1_plan.h: reading a plan and filling in its commands. Running it: r1_run.cc.
#include "rl/r1_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/file.h"
#include "cost/toml_table.h"
#include "rl/r1_plan_impl.h"

namespace fathom {

namespace fs = std::filesystem;

const R1CommandKind* r1_command_kind(std::string_view command) {
  static constexpr std::array<R1CommandKind, 7> kKinds = {{
      {"tokenize", R1Makes::kDirectory},
      {"env", R1Makes::kPrinted},
      {"sample", R1Makes::kSamples},
      {"train", R1Makes::kRun},
      {"sft", R1Makes::kRun},
      {"rl", R1Makes::kRun},
      {"distill", R1Makes::kRun},
  }};
  const auto at = std::find_if(kKinds.begin(), kKinds.end(),
                               [&](const auto& k) { return k.command == command; });
  return at == kKinds.end() ? nullptr : &*at;
}

fs::path r1_stage_directory(const R1Plan& plan, size_t stage, const fs::path& directory) {
  return directory / fmt::format("{:02}-{}", stage + 1, plan.stages[stage].name);
}

std::string r1_stage_output(const R1Plan& plan, size_t stage, const fs::path& directory) {
  const fs::path made = r1_stage_directory(plan, stage, directory);
  const R1Makes makes = r1_command_kind(plan.stages[stage].command[0])->makes;
  const bool is_file = makes == R1Makes::kSamples || makes == R1Makes::kPrinted;
  return (is_file ? made / "samples.jsonl" : made).string();
}

namespace {

constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";

// Calls found(name) for each {name} of `text`, and puts what it returns in its place. Braces around
// anything else stay: TOML's.
template <typename Found>
std::string with_places(std::string_view text, const Found& found) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text[0] != '{' ? 0 : text.find_first_not_of(kNameLetters, 1);
    if (end > 1 && end != text.npos && text[end] == '}') {
      out += found(text.substr(1, end - 1));
      text.remove_prefix(end + 1);
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

Result<R1Gate> read_gate(const toml::table& table, const std::string& file) {
  TomlTable t(table, file, "gate");
  R1Gate gate;
  gate.pass_1 = t.quantity("pass_1", Quantity::kFraction, Needed::kYes).value_or(0);
  gate.arguments = t.texts("arguments");
  if (gate.arguments.empty())
    t.refuse("arguments: those of `fathom eval tasks` wanted, none found");
  FATHOM_RETURN_IF_ERROR(t.finish());
  return gate;
}

Result<R1Stage> read_stage(const toml::table& table, const std::string& file) {
  TomlTable t(table, file, "stage");
  R1Stage stage;
  stage.place = t.place();
  stage.name = t.text("name", Needed::kYes);
  if (!stage.name.empty() && stage.name.find_first_not_of(kNameLetters) != stage.name.npos)
    t.refuse(fmt::format("name: letters a to z, digits and - wanted, \"{}\" found", stage.name));
  stage.command = t.texts("command");
  if (stage.command.empty() || r1_command_kind(stage.command[0]) == nullptr) {
    t.refuse(fmt::format(
        "command: one of tokenize, env, sample, train, sft, rl, distill and its arguments "
        "wanted, {} found",
        stage.command.empty() ? "nothing" : stage.command[0]));
  }
  stage.max_minutes = t.quantity("max_minutes", Quantity::kCount).value_or(0);
  if (const toml::table* gate = t.table("gate")) {
    FATHOM_ASSIGN_OR_RETURN(stage.gate, read_gate(*gate, file));
  }
  FATHOM_RETURN_IF_ERROR(t.finish());
  return stage;
}

// What the command names must exist: earlier stages, and the RUN.toml of a run.
Status check_stage(const R1Plan& plan, R1Stage& stage) {
  const auto is_earlier = [&](std::string_view name) {
    return std::any_of(plan.stages.begin(), plan.stages.end(),
                       [&](const R1Stage& s) { return s.name == name; });
  };
  const auto wrong = [&](const std::string& what) {
    return Status::error(fmt::format("{}: stage {}: {}", stage.place, stage.name, what));
  };
  if (stage.name == "plan" || is_earlier(stage.name))
    return wrong("a name of its own wanted, one that is taken found");
  Status status;
  for (const std::string& argument : stage.command) {
    with_places(argument, [&](std::string_view name) {
      if (name != "plan" && !is_earlier(name) && status.ok()) {
        std::vector<std::string> names;
        for (const R1Stage& s : plan.stages) names.push_back(s.name);
        status = wrong(fmt::format(
            "{{{}}}: an earlier stage wanted ({}), no such one found", name,
            names.empty() ? "there is none" : fmt::format("{}", fmt::join(names, ", "))));
      }
      if (name != "plan") stage.needs.emplace_back(name);
      return std::string();
    });
  }
  FATHOM_RETURN_IF_ERROR(status);
  if (r1_command_kind(stage.command[0])->makes != R1Makes::kRun) {
    return stage.max_minutes > 0 ? wrong("max_minutes: a run (train, sft, rl, distill) wanted, " +
                                         stage.command[0] + " found")
                                 : Status();
  }
  if (stage.command.size() < 2) return wrong("command: a RUN.toml wanted, none found");
  const fs::path run = r1_path(plan, stage.command[1]);
  if (!fs::exists(run))
    return wrong(fmt::format("{}: a RUN.toml wanted, no such file found", run.string()));
  return {};
}

}  // namespace

fs::path r1_path(const R1Plan& plan, const std::string& argument) {
  const fs::path base = fs::absolute(plan.path).parent_path();
  const std::string filled = with_places(argument, [&](std::string_view) { return base.string(); });
  return base / filled;
}

Result<R1Plan> read_r1_plan(const fs::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_r1_plan(text, path);
}

Result<R1Plan> parse_r1_plan(std::string_view text, const fs::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const toml::table root, parse_toml(text, path.string()));
  R1Plan plan;
  plan.path = path;
  for (const auto& [key, node] : root) {
    if (key.str() != "stage" || node.as_array() == nullptr || !node.is_array_of_tables()) {
      return Status::error(fmt::format("{}:{}: [[stage]] tables wanted, {} found", path.string(),
                                       node.source().begin.line, std::string(key.str())));
    }
    for (const auto& table : *node.as_array()) {
      FATHOM_ASSIGN_OR_RETURN(R1Stage stage, read_stage(*table.as_table(), path.string()));
      FATHOM_RETURN_IF_ERROR(check_stage(plan, stage));
      plan.stages.push_back(std::move(stage));
    }
  }
  if (plan.stages.empty())
    return Status::error(fmt::format("{}: [[stage]] tables wanted, none found", path.string()));
  return plan;
}

std::vector<std::string> r1_command(const R1Plan& plan, size_t stage, const fs::path& directory) {
  const R1Stage& s = plan.stages[stage];
  std::vector<std::string> out;
  for (const std::string& argument : s.command) {
    out.push_back(with_places(argument, [&](std::string_view name) {
      if (name == "plan") return fs::absolute(plan.path).parent_path().string();
      size_t i = 0;
      while (plan.stages[i].name != name) ++i;
      return r1_stage_output(plan, i, directory);
    }));
  }
  const R1Makes makes = r1_command_kind(s.command[0])->makes;
  if (makes == R1Makes::kRun) out[1] = r1_path(plan, s.command[1]).string();
  if (makes == R1Makes::kPrinted) return out;
  out.push_back("-o");
  out.push_back(r1_stage_output(plan, stage, directory));
  if (makes == R1Makes::kSamples) out.push_back("--json");
  return out;
}

}  // namespace fathom
