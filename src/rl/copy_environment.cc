// The environment `copy`: names of a made-up kind, to be written again. Nothing else is asked, so
// all that a model can learn from it is to look a name up and copy it, token by token: what every
// SQL query over a table that was never seen is made of, and what a small model otherwise learns
// late. Short ones first: the fewer tokens there are to look at, the sooner attention finds the
// right one.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "rl/draw_impl.h"
#include "rl/environments_impl.h"
#include "rl/plain_answer_impl.h"
#include "rl/tables_schema_impl.h"
#include "rl/tables_words_impl.h"
#include "toolbox/sql.h"

namespace fathom {
namespace {

constexpr size_t kMaxCopyBytes = 4000;

// Single words of the names and values of the domains that training has.
const std::vector<std::string>& known_words() {
  static const std::vector<std::string> words = [] {
    std::set<std::string> set;
    const auto add = [&](const std::string& text) {
      for (const std::string& word : split_trimmed(text, ' ')) {
        if (std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }) &&
            word.size() > 1)
          set.insert(word);
      }
    };
    for (const Domain& d : table_words().domains) {
      if (d.held_out) continue;
      for (const Concept& c : d.concepts) {
        for (const std::string& name : c.names) add(name);
        for (const std::string& value : c.values) add(value);
      }
    }
    return std::vector<std::string>(set.begin(), set.end());
  }();
  return words;
}

std::string made_up_word(Draw& draw) {
  return draw.chance(0.6) ? draw.pick(known_words()) : invented_word(draw);
}

// One to three words, written as columns are.
std::string made_up_name(Draw& draw) {
  std::vector<std::string> words;
  for (int64_t n = draw.between(1, 3); n > 0; --n) words.push_back(made_up_word(draw));
  switch (draw.below(5)) {
    case 0:
      return fmt::format("{}", fmt::join(words, "_"));
    case 1:
      for (std::string& w : words) std::transform(w.begin(), w.end(), w.begin(), upper_letter);
      return fmt::format("{}", fmt::join(words, "_"));
    case 2:
      return sql_identifier(fmt::format("{}", fmt::join(words, " ")));
    case 3: {
      for (std::string& w : words) w[0] = upper_letter(w[0]);
      return fmt::format("{}", fmt::join(words, ""));
    }
    default: {
      for (std::string& w : words) w[0] = upper_letter(w[0]);
      return sql_identifier(fmt::format("{}", fmt::join(words, " ")));
    }
  }
}

constexpr const char* kTypes[] = {"text", "integer", "real", "date", "boolean"};

std::string made_up_value(Draw& draw, std::string_view type) {
  if (type == "text") return fmt::format("{} | {}", made_up_word(draw), made_up_word(draw));
  if (type == "integer") return fmt::format("{}", draw.between(0, 9999));
  if (type == "real")
    return fmt::format("{:.2f}", static_cast<double>(draw.between(0, 99'999)) / 100);
  if (type == "date")
    return fmt::format("20{:02}-{:02}-{:02}", draw.between(10, 25), draw.between(1, 12),
                       draw.between(1, 28));
  return fmt::format("{}", draw.between(0, 1));
}

struct CopyTask {
  std::string prompt, thought, answer;
};

CopyTask names_task(const std::vector<std::string>& names) {
  const std::string line = fmt::format("{}", fmt::join(names, " | "));
  return {line, line, line};
}

// The columns of a table, all of them or those of a type, in their order.
CopyTask columns_task(Draw& draw, const std::vector<std::string>& names, bool by_type) {
  const std::string table = made_up_name(draw);
  std::string prompt = fmt::format("table {}\n", table);
  std::vector<std::string> types, wanted;
  for (const std::string& name : names) {
    types.emplace_back(kTypes[draw.below(std::size(kTypes))]);
    prompt += fmt::format(" {} {}: {}\n", name, types.back(), made_up_value(draw, types.back()));
  }
  const std::string type = draw.pick(types);
  for (size_t i = 0; i < names.size(); ++i)
    if (!by_type || types[i] == type) wanted.push_back(names[i]);
  const std::string list = fmt::format("{}", fmt::join(wanted, ", "));
  return {fmt::format("{}{} columns", prompt, by_type ? type : "all"),
          fmt::format("columns: {}", list), fmt::format("SELECT {} FROM {}", list, table)};
}

class CopyEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "copy"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const int level = std::clamp(difficulty, 0, kMaxDifficulty);
    constexpr const char* kKinds[] = {"name",    "names",           "line",
                                      "columns", "columns_of_type", "columns_of_type"};
    return {{{"user", make(seed, level, split).prompt}}, seed, difficulty, split, kKinds[level]};
  }

  Score score(const Problem& p, std::string_view completion,
              const RewardOptions& options) const override {
    const CopyTask task = make(p.seed, std::clamp(p.difficulty, 0, kMaxDifficulty), p.split);
    const PlainAnswer answer = read_plain_answer(completion, kMaxCopyBytes);
    const bool right = answer.text == task.answer;
    return plain_score(answer, right, false, completion,
                       right ? "right" : fmt::format("{} wanted", task.answer), options);
  }

  std::string demonstrate(const Problem& p) const override {
    const CopyTask task = make(p.seed, std::clamp(p.difficulty, 0, kMaxDifficulty), p.split);
    return fmt::format("{}\n</think>\n{}", task.thought, task.answer);
  }

 private:
  // 0: a name; 1: two; 2: three to eight; 3: all columns of a table; 4, 5: those of a type.
  static CopyTask make(uint64_t seed, int level, Split split) {
    Draw draw(seed, 20'000 + static_cast<uint64_t>(level) * 8 + static_cast<uint64_t>(split));
    const auto n = level == 0 ? 1 : level == 1 ? 2 : draw.between(3, 8);
    while (true) {
      std::vector<std::string> names;
      while (static_cast<int64_t>(names.size()) < n) {
        std::string name = made_up_name(draw);
        if (std::find(names.begin(), names.end(), name) == names.end())
          names.push_back(std::move(name));
      }
      if (is_held_out_problem(names[0]) != (split != Split::kTrain)) continue;
      return level <= 2 ? names_task(names) : columns_task(draw, names, level >= 4);
    }
  }
};

}  // namespace

std::unique_ptr<Environment> make_copy_environment() { return std::make_unique<CopyEnvironment>(); }

}  // namespace fathom
