// See environment.h: the tables of environments and of splits.
#include "rl/environment.h"

#include <fmt/format.h>

#include "rl/environments_impl.h"
#include "rl/plain_answer_impl.h"

namespace fathom {
namespace {

struct EnvironmentRow {
  std::string_view name;
  std::unique_ptr<Environment> (*make)();
};
constexpr EnvironmentRow kEnvironments[] = {
    {"tables", make_tables_environment},         {"repair", make_repair_environment},
    {"arithmetic", make_arithmetic_environment}, {"countdown", make_countdown_environment},
    {"lookup", make_lookup_environment},
};

constexpr std::pair<Split, std::string_view> kSplits[] = {
    {Split::kTrain, "train"},
    {Split::kSchema, "schema"},
    {Split::kPhrasing, "phrasing"},
    {Split::kSchemaAndPhrasing, "schema-phrasing"},
    {Split::kComposition, "composition"}};

}  // namespace

std::string_view split_name(Split split) { return kSplits[static_cast<size_t>(split)].second; }

const std::vector<Split>& all_splits() {
  static const std::vector<Split> splits = [] {
    std::vector<Split> list;
    for (const auto& [split, name] : kSplits) list.push_back(split);
    return list;
  }();
  return splits;
}

Result<Split> read_split(std::string_view text) {
  std::string names;
  for (const auto& [split, name] : kSplits) {
    if (name == text) return split;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return Status::error(fmt::format("split: one of {} wanted, {} found", names, text));
}

const std::vector<std::string>& environment_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const EnvironmentRow& row : kEnvironments) list.emplace_back(row.name);
    return list;
  }();
  return names;
}

Outcome Environment::outcome(const Problem&, std::string_view completion) const {
  return {read_plain_answer(completion).text};
}

std::vector<WorkedProblem> Environment::worked(uint64_t seed, int difficulty, Split split,
                                               int n_questions) const {
  std::vector<WorkedProblem> all;
  for (int i = 0; i < n_questions; ++i) {
    Problem p = sample(seed * static_cast<uint64_t>(n_questions) + static_cast<uint64_t>(i),
                       difficulty, split);
    std::string completion = demonstrate(p);
    all.push_back({std::move(p.messages), std::move(completion)});
  }
  return all;
}

std::string Environment::document(uint64_t seed, int difficulty, Split split,
                                  int n_questions) const {
  std::string text;
  for (const WorkedProblem& p : worked(seed, difficulty, split, n_questions)) {
    for (const ChatMessage& m : p.messages) text += m.content + "\n";
    text += "<think>\n" + p.completion + "\n";
  }
  return text;
}

Result<std::unique_ptr<Environment>> make_environment(std::string_view name) {
  for (const EnvironmentRow& row : kEnvironments)
    if (row.name == name) return row.make();
  return Status::error(fmt::format("environment: one of {} wanted, {} found",
                                   fmt::join(environment_names(), ", "), name));
}

}  // namespace fathom
