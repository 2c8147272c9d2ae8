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

struct MadeUpName {
  std::string written, words;  // "CITY_CODE", "city code"
};

// One to three words, written as columns are.
MadeUpName made_up_name(Draw& draw) {
  std::vector<std::string> words;
  for (int64_t n = draw.between(1, 3); n > 0; --n) words.push_back(made_up_word(draw));
  const auto joined = [&](std::string_view by) { return fmt::format("{}", fmt::join(words, by)); };
  const std::string plain = joined(" ");
  const uint64_t style = draw.below(5);
  for (std::string& w : words) {
    if (style == 1) std::transform(w.begin(), w.end(), w.begin(), upper_letter);
    if (style >= 3) w[0] = upper_letter(w[0]);
  }
  const std::string written = style <= 1   ? joined("_")
                              : style == 3 ? joined("")
                                           : sql_identifier(joined(" "));
  return {written, plain};
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

CopyTask names_task(const std::vector<MadeUpName>& names) {
  std::vector<std::string> written;
  for (const MadeUpName& n : names) written.push_back(n.written);
  const std::string line = fmt::format("{}", fmt::join(written, " | "));
  return {line, line, line};
}

struct CopyTable {
  std::string name, text;          // text: as a prompt has it (toolbox/schema_text.h)
  std::vector<std::string> types;  // of each column
};

CopyTable made_up_table(Draw& draw, const std::vector<MadeUpName>& names) {
  CopyTable table;
  table.name = made_up_name(draw).written;
  table.text = fmt::format("table {}\n", table.name);
  for (const MadeUpName& name : names) {
    const std::string type = kTypes[draw.below(std::size(kTypes))];
    const bool as_words = name.written == sql_identifier(name.words);
    table.text += fmt::format(" {}{} {}: {}\n", name.written,
                              as_words ? "" : fmt::format(" ({})", name.words), type,
                              made_up_value(draw, type));
    table.types.push_back(type);
  }
  return table;
}

CopyTask query_task(const CopyTable& table, const std::string& question,
                    const std::vector<std::string>& wanted) {
  const std::string list = fmt::format("{}", fmt::join(wanted, ", "));
  return {table.text + question, fmt::format("columns: {}", list),
          fmt::format("SELECT {} FROM {}", list, table.name)};
}

// All columns of a table, or those of a type, in their order.
CopyTask columns_task(Draw& draw, const std::vector<MadeUpName>& names) {
  const CopyTable table = made_up_table(draw, names);
  const std::string type = draw.chance(0.5) ? "all" : draw.pick(table.types);
  std::vector<std::string> wanted;
  for (size_t i = 0; i < names.size(); ++i)
    if (type == "all" || table.types[i] == type) wanted.push_back(names[i].written);
  return query_task(table, fmt::format("{} columns", type), wanted);
}

// Columns by their words, in the question's order; with what each word stands for, as a plan has
// it.
CopyTask named_task(Draw& draw, std::vector<MadeUpName> names, int64_t n_asked) {
  const CopyTable table = made_up_table(draw, names);
  draw.shuffle(names);
  names.resize(static_cast<size_t>(std::min<int64_t>(n_asked, static_cast<int64_t>(names.size()))));
  std::vector<std::string> asked, wanted, explained;
  for (const MadeUpName& n : names) {
    asked.push_back(n.words);
    wanted.push_back(n.written);
    explained.push_back(fmt::format("{} ({})", n.written, n.words));
  }
  CopyTask task = query_task(table, fmt::format("{}", fmt::join(asked, " and ")), wanted);
  task.thought = fmt::format("columns: {}", fmt::join(explained, ", "));
  return task;
}

class CopyEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "copy"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const int level = std::clamp(difficulty, 0, kMaxDifficulty);
    constexpr const char* kKinds[] = {"name", "names", "line", "columns", "named", "several_named"};
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
  // 0: a name; 1: two; 2: three to eight; 3: columns of a table, all or those of a type; 4: the one
  // that the question names; 5: two or three.
  static CopyTask make(uint64_t seed, int level, Split split) {
    Draw draw(seed, 20'000 + static_cast<uint64_t>(level) * 8 + static_cast<uint64_t>(split));
    const auto n = level == 0 ? 1 : level == 1 ? 2 : draw.between(3, 8);
    while (true) {
      std::vector<MadeUpName> names;
      while (static_cast<int64_t>(names.size()) < n) {
        MadeUpName name = made_up_name(draw);
        const auto same = [&](const MadeUpName& other) { return other.words == name.words; };
        if (std::none_of(names.begin(), names.end(), same)) names.push_back(std::move(name));
      }
      if (is_held_out_problem(names[0].written) != (split != Split::kTrain)) continue;
      if (level <= 2) return names_task(names);
      if (level == 3) return columns_task(draw, names);
      return named_task(draw, names, level == 4 ? 1 : draw.between(2, 3));
    }
  }
};

}  // namespace

std::unique_ptr<Environment> make_copy_environment() { return std::make_unique<CopyEnvironment>(); }

}  // namespace fathom
