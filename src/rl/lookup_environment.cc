// The environment `lookup`: columns of a made-up table, asked for by their words. A model learns
// here what every question about a table begins with: to find the words of the question among those
// of the columns, to write the label that stands behind them, and to say that none does. At
// difficulty 0 there is no table, and words are to be written again. Small tables first, and
// nothing but words and labels in the answer: the fewer tokens there are to look at and the more of
// them have to be found, the sooner attention learns to.
// Practice and no measure: the other splits hold out a table's first name, not all of them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "rl/environments_impl.h"
#include "rl/plain_answer_impl.h"
#include "rl/tables_problem_impl.h"
#include "toolbox/table_task.h"

namespace fathom {
namespace {

constexpr double kNoColumn = 0.15;
constexpr size_t kMaxLookupBytes = 2000;

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
  return draw.chance(0.8) ? draw.pick(known_words()) : invented_word(draw);
}

// What a difficulty means.
struct LookupLevel {
  int64_t least_columns, most_columns, most_words, most_asked;
};
constexpr LookupLevel kLevels[kMaxDifficulty + 1] = {{1, 2, 3, 2}, {1, 3, 2, 3}, {2, 5, 2, 5},
                                                     {4, 6, 3, 6}, {5, 8, 3, 6}, {6, 9, 3, 6}};

struct LookupQuestion {
  std::string text, thought, answer;
};

class LookupTable {
 public:
  LookupTable(uint64_t seed, int level, Split split)
      : draw_(seed, 20'000 + static_cast<uint64_t>(level) * 8 + static_cast<uint64_t>(split)),
        level_(kLevels[level]),
        has_table_(level > 0) {
    do {
      names_ = made_up_names(draw_.between(level_.least_columns, level_.most_columns));
    } while (is_held_out_problem(names_[0]) != (split != Split::kTrain));
    database_ = Database::create({.max_bytes = 1 << 20}).value();
    std::vector<SqlColumn> columns;
    for (const std::string& name : names_)
      columns.push_back({name, static_cast<ColumnType>(draw_.below(6)), "", {}});
    fill(std::move(columns));
  }

  // As a prompt has it, without its question: what that names would tell the answer.
  std::string text() const {
    if (!has_table_) return "";
    return schema_text(*database_, "", {.layout = SchemaLayout::kColumns}).value();
  }

  LookupQuestion ask() {
    const TableLabels labels(*database_, "", 0);
    std::vector<size_t> places(names_.size());
    for (size_t i = 0; i < places.size(); ++i) places[i] = i;
    draw_.shuffle(places);
    const int64_t most = std::min<int64_t>(level_.most_asked, static_cast<int64_t>(names_.size()));
    places.resize(static_cast<size_t>(draw_.between(1, most)));
    const SqlTable& table = database_->tables()[0];
    std::vector<std::string> asked, wanted;
    TablePlan plan;
    for (const size_t i : places) {
      asked.push_back(names_[i]);
      wanted.push_back(labels.column(table.columns[i]));
      plan.columns.push_back({wanted.back(), names_[i]});
    }
    if (!has_table_) {
      const std::string words = fmt::format("{}", fmt::join(asked, " and "));
      return {words, words + "\n", words};
    }
    for (size_t i = 0; i < asked.size(); ++i) {
      if (!draw_.chance(kNoColumn)) continue;
      asked[i] = made_up_names(1)[0];
      wanted[i] = "none";
      plan.columns[i] = {"", asked[i]};
    }
    return {fmt::format("{}", fmt::join(asked, " and ")), plan_text(plan),
            fmt::format("{}", fmt::join(wanted, ", "))};
  }

 private:
  // Not in the table, and each once.
  std::vector<std::string> made_up_names(int64_t n) {
    std::vector<std::string> out;
    while (static_cast<int64_t>(out.size()) < n) {
      std::vector<std::string> words;
      for (int64_t k = draw_.between(1, level_.most_words); k > 0; --k)
        words.push_back(made_up_word(draw_));
      const std::string name = fmt::format("{}", fmt::join(words, " "));
      const auto has = [&](const auto& list) {
        return std::find(list.begin(), list.end(), name) != list.end();
      };
      if (!has(out) && !has(names_)) out.push_back(name);
    }
    return out;
  }

  void fill(std::vector<SqlColumn> columns) {
    auto writer = database_->new_table(made_up_word(draw_), columns).value();
    for (int r = 0; r < 2; ++r) {
      std::vector<SqlValue> row;
      for (const SqlColumn& c : columns) row.push_back(value(c.type));
      std::vector<SqlCell> cells;
      for (const SqlValue& v : row)
        cells.push_back(std::visit([](const auto& x) { return SqlCell(x); }, v));
      FATHOM_CHECK(writer->append(cells).ok());
    }
    FATHOM_CHECK(writer->finish().ok());
  }

  SqlValue value(ColumnType type) {
    switch (type) {
      case ColumnType::kInteger:
        return draw_.between(0, 9999);
      case ColumnType::kReal:
        return static_cast<double>(draw_.between(0, 99'999)) / 100;
      case ColumnType::kBoolean:
        return draw_.between(0, 1);
      case ColumnType::kDate:
      case ColumnType::kDatetime:
        return fmt::format("20{:02}-{:02}-{:02}{}", draw_.between(10, 25), draw_.between(1, 12),
                           draw_.between(1, 28), type == ColumnType::kDate ? "" : " 12:00:00");
      default:
        return made_up_word(draw_);
    }
  }

  Draw draw_;
  const LookupLevel& level_;
  bool has_table_;
  std::vector<std::string> names_;
  std::unique_ptr<Database> database_;
};

class LookupEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "lookup"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const int level = std::clamp(difficulty, 0, kMaxDifficulty);
    LookupTable table(seed, level, split);
    std::string prompt = table.text();
    prompt += table.ask().text;
    return {{{"user", std::move(prompt)}}, seed, difficulty, split, "lookup"};
  }

  Score score(const Problem& p, std::string_view completion,
              const RewardOptions& options) const override {
    const std::string wanted = first(p).answer;
    const PlainAnswer answer = read_plain_answer(completion, kMaxLookupBytes);
    const bool right = answer.text == wanted;
    return plain_score(answer, right, false, completion,
                       right ? "right" : fmt::format("{} wanted", wanted), options);
  }

  std::string demonstrate(const Problem& p) const override { return completion(first(p)); }

  std::vector<WorkedProblem> worked(uint64_t seed, int difficulty, Split split,
                                    int n_questions) const override {
    LookupTable table(seed, std::clamp(difficulty, 0, kMaxDifficulty), split);
    std::vector<WorkedProblem> all;
    for (int i = 0; i < n_questions; ++i) {
      const LookupQuestion q = table.ask();
      all.push_back({{{"user", i == 0 ? table.text() + q.text : q.text}}, completion(q)});
    }
    return all;
  }

 private:
  static LookupQuestion first(const Problem& p) {
    return LookupTable(p.seed, std::clamp(p.difficulty, 0, kMaxDifficulty), p.split).ask();
  }
  static std::string completion(const LookupQuestion& q) {
    return fmt::format("{}</think>\n{}", q.thought, q.answer);
  }
};

}  // namespace

std::unique_ptr<Environment> make_lookup_environment() {
  return std::make_unique<LookupEnvironment>();
}

}  // namespace fathom
