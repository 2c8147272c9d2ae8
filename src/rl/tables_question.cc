// See tables_phrases_impl.h: one question, from a sentence and the words that fill it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "rl/tables_phrases_impl.h"
#include "rl/tables_wording_impl.h"

namespace fathom {
namespace {

using Op = FilterOp;
using Shape = QueryShape;

std::string without_that_are(std::string phrase) {
  for (const std::string_view word : {"that are ", "who are ", "that were ", "which are ",
                                      "that have ", "who have ", "that ", "who "})
    if (phrase.starts_with(word)) return phrase.substr(word.size());
  return phrase;
}

bool has_slot(std::string_view sentence, std::string_view name) {
  return sentence.find(fmt::format("{{{}}}", name)) != sentence.npos;
}

// No two spaces, none before a mark, a capital at the front.
std::string tidy(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    if (std::string_view(",.?:").find(c) != std::string_view::npos)
      while (out.ends_with(' ')) out.pop_back();
    out += c;
  }
  while (out.ends_with(' ')) out.pop_back();
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

// As people write in haste: small words left out, no apostrophe. Of a sentence before it is filled,
// so that no name and no value changes.
std::string in_haste(Draw& draw, std::string_view sentence) {
  static const std::set<std::string_view> kSmall = {"the",  "a",    "is", "are", "was",
                                                    "were", "have", "do", "we",  "our"};
  std::string out;
  while (!sentence.empty()) {
    const size_t end = std::min(sentence.find(' '), sentence.size());
    const std::string_view word = sentence.substr(0, end);
    sentence.remove_prefix(std::min(end + 1, sentence.size()));
    if (kSmall.contains(word) && draw.chance(0.5)) continue;
    if (!out.empty()) out += ' ';
    for (const char c : word)
      if (c != '\'' || out.ends_with('}')) out += c;
  }
  return out;
}

class QuestionWriter {
 public:
  QuestionWriter(Draw& draw, const TableSchema& schema, const TableQuery& query)
      : draw_(draw), schema_(schema), q_(query), words_(draw, schema, query.base) {
    // A lookup's name is part of its sentence and no condition behind it.
    for (size_t i = q_.shape == Shape::kLookup ? 1 : 0; i < q_.filters.size(); ++i)
      conditions_.push_back(words_.condition(q_.filters[i]));
  }

  Result<WrittenQuestion> write(bool held_out) {
    std::vector<std::pair<std::string, const Sentence*>> all = sentences(held_out);
    draw_.shuffle(all);
    for (const auto& [family, sentence] : all) {
      std::string text = choose_alternatives(draw_, sentence->text);
      if (!held_out && draw_.chance(0.2)) text = in_haste(draw_, text);
      if (!fits(text)) continue;
      had_rows_ = false;
      place_conditions(text);
      std::optional<std::string> out =
          filled(text, [&](std::string_view key) { return filling(key); });
      if (!out.has_value()) continue;
      return finished(held_out ? *out : addressed(*out), family);
    }
    return Status::error("no sentence fits");
  }

 private:
  std::vector<std::pair<std::string, const Sentence*>> sentences(bool held_out) const {
    std::vector<std::pair<std::string, const Sentence*>> all;
    for (const std::string& name : shape_names()) {
      const auto& list = table_phrases().shapes.at(name);
      for (size_t i = 0; i < list.size(); ++i)
        if (list[i].held_out == held_out) all.emplace_back(fmt::format("{}/{}", name, i), &list[i]);
    }
    return all;
  }

  std::vector<std::string> shape_names() const {
    const std::string name(shape_name(q_.shape));
    const std::string& function = q_.figure.function;
    const bool count = !q_.figure.column.has_value();
    switch (q_.shape) {
      case Shape::kAgg:
        return {name, name + "_" + function};
      case Shape::kGroup:
      case Shape::kBucket:
        if (count) return {name, name + "_count"};
        return function == "sum" ? std::vector{name, name + "_sum"} : std::vector{name};
      case Shape::kTopGroup:
        if (count) return {name, name + "_count"};
        return function == "sum" ? std::vector{name, name + "_verb"} : std::vector{name};
      case Shape::kTopBucket:
      case Shape::kHaving:
      case Shape::kDiff:
        return count ? std::vector{name, name + "_count"} : std::vector{name};
      case Shape::kGrowthGroup:
        return {q_.descending ? name : name + "_down"};
      default:
        return {name};
    }
  }

  bool fits(const std::string& text) const {
    const bool lead = has_slot(text, "front");
    const bool can_lead = std::any_of(conditions_.begin(), conditions_.end(),
                                      [](const ConditionPhrase& c) { return c.may_lead; });
    if (lead && !can_lead) return false;
    if (!has_slot(text, "w") && conditions_.size() > (lead ? 1u : 0u)) return false;
    if (text.find(" {w}") != text.npos && (conditions_.empty() || conditions_[0].before_noun))
      return false;
    const bool noun = has_slot(text, "rows") || has_slot(text, "row");
    for (const ConditionPhrase& c : conditions_)
      if (c.before_noun && !noun) return false;
    const bool ends_shape = q_.shape == Shape::kLatest || q_.shape == Shape::kEarliest;
    if (ends_shape && words_.n_dates() > 1 && !has_slot(text, "c")) return false;
    return !q_.ordered || q_.shape != Shape::kGroup || has_slot(text, "order");
  }

  // Which conditions stand at the front, before the noun, behind.
  void place_conditions(const std::string& text) {
    front_.clear();
    before_.clear();
    behind_.clear();
    bool lead = has_slot(text, "front");
    for (const ConditionPhrase& c : conditions_) {
      if (lead && c.may_lead) {
        front_ = c.text + ", ";
        lead = false;
      } else if (c.before_noun) {
        before_ += c.text + " ";
      } else {
        std::string phrase = c.text;
        if (text.find(" {w}") != text.npos && behind_.empty()) phrase = without_that_are(phrase);
        const bool first = behind_.empty();
        behind_ += first ? " " : draw_.chance(0.5) ? " and " : " ";
        behind_ += phrase;
      }
    }
  }

  std::string rows(const std::string& noun) {
    std::string out = had_rows_ ? noun : before_ + noun;
    had_rows_ = true;
    return out;
  }

  std::string group_word() { return words_.column(*q_.group); }

  bool measures_date() const {
    return q_.measure.has_value() &&
           column_of(schema_, *q_.measure).about->kind == ConceptKind::kDate;
  }

  std::string high_or_low() {
    if (measures_date()) return words_.one_of(q_.descending ? "late" : "early");
    return words_.one_of(q_.descending ? "high" : "low");
  }

  std::optional<std::string> adjective() {
    if (measures_date()) {
      if (words_.n_dates() > 1) return std::nullopt;
      const std::string word = high_or_low();
      words_.because(*q_.measure, word);
      return word;
    }
    if (!q_.measure.has_value()) return std::nullopt;
    const Concept* about = column_of(schema_, *q_.measure).about;
    if (about->adjectives.empty()) return std::nullopt;
    const TextPair& pair = draw_.pick(about->adjectives);
    for (const SchemaTable& t : schema_.tables)
      for (const SchemaColumn& c : t.columns)
        if (c.about != nullptr && c.about != about)
          for (const TextPair& p : c.about->adjectives)
            if (p.first == pair.first || p.second == pair.second) return std::nullopt;
    const std::string& word = q_.descending ? pair.first : pair.second;
    words_.because(*q_.measure, word);
    return word;
  }

  std::optional<std::string> most() {
    const Concept* about = column_of(schema_, *q_.figure.column).about;
    if (about->verbs.empty()) return std::nullopt;
    const TextPair& pair = draw_.pick(about->verbs);
    const std::string& words = q_.descending ? pair.first : pair.second;
    words_.because(*q_.figure.column, words.substr(0, words.find(" the ")));
    return words;
  }

  std::optional<std::string> sum_question() {
    const Concept* about = column_of(schema_, *q_.figure.column).about;
    if (about->sum_questions.empty()) return std::nullopt;
    const std::string words = lower_text(draw_.pick(about->sum_questions));
    words_.because(*q_.figure.column, words.substr(words.rfind(' ') + 1));
    return words;
  }

  std::string order_words() {
    if (!q_.ordered) return "";
    if (q_.by_group)
      return *filled(words_.one_of("order_alphabet"),
                     [&](std::string_view) { return std::optional(group_word()); });
    if (measures_date()) return words_.one_of(q_.descending ? "order_late" : "order_early");
    return words_.one_of(q_.descending ? "order_down" : "order_up");
  }

  std::string bucket_word(bool many) {
    std::string word = many ? q_.bucket + "s" : q_.bucket;
    if (words_.n_dates() > 1) return fmt::format("{} of {}", word, words_.column(*q_.date));
    words_.because(*q_.date, word);
    return word;
  }

  std::string count_word() {
    static const char* const kWords[] = {"two",   "three", "four", "five", "six",
                                         "seven", "eight", "nine", "ten"};
    if (q_.limit <= 10 && draw_.chance(0.25)) return kWords[q_.limit - 2];
    return std::to_string(q_.limit);
  }

  // "from 2023": years answer for the date.
  std::string compared_value(const std::string& value) {
    if (q_.shape == Shape::kDiff)
      words_.because(*q_.group, value);
    else
      words_.because(*q_.date, value);
    return value;
  }

  std::optional<std::string> part() { return without_that_are(words_.condition(*q_.part).text); }

  std::optional<std::string> grew() const {
    if (!q_.figure.column.has_value() || q_.figure.function != "sum") return std::nullopt;
    int n = 0;
    for (const SchemaTable& t : schema_.tables)
      for (const SchemaColumn& c : t.columns) n += c.about != nullptr && c.about->additive;
    return n == 1 ? std::optional<std::string>("") : std::nullopt;
  }

  // Of the column that the sentence's {c} is: the measure, the figure's, the date.
  std::optional<ColumnRef> subject() const {
    if (q_.measure.has_value()) return q_.measure;
    if (q_.figure.column.has_value()) return q_.figure.column;
    return q_.date;
  }

  std::optional<std::string> filling(std::string_view key) {
    if (key == "rows") return rows(words_.rows(q_.base));
    if (key == "row") return rows(words_.row(q_.base));
    if (key == "w") return behind_;
    if (key == "front") return front_;
    if (key == "F") return words_.figure(q_.figure);
    if (key == "F2") return words_.figure(q_.second);
    if (key == "c" || key == "cs") {
      if (!subject().has_value()) return std::nullopt;
      const std::string c = words_.column(*subject());
      return key == "cs" ? plural_of(c) : c;
    }
    if (key == "g") return group_word();
    if (key == "gs") return plural_of(group_word());
    if (key == "hi") return high_or_low();
    if (key == "adj") return adjective();
    if (key == "top" && measures_date()) return std::string(q_.descending ? "latest" : "earliest");
    if (key == "top") return std::string(q_.descending ? "top" : "bottom");
    if (key == "k") return count_word();
    if (key == "most") return most();
    if (key == "most_rows") return words_.one_of(q_.descending ? "most_rows" : "fewest_rows");
    if (key == "common") return words_.one_of(q_.descending ? "common" : "rare");
    if (key == "often") return words_.one_of(q_.descending ? "often" : "seldom");
    if (key == "sum_question") return sum_question();
    if (key == "order") return order_words();
    if (key == "b") return bucket_word(false);
    if (key == "bs") return bucket_word(true);
    if (key == "verb") return verb();
    if (key == "cmp") return words_.compared(q_.having, q_.having_value, 0, false);
    if (key == "part") return part();
    if (key == "whole")
      return q_.figure.column.has_value() ? words_.column(*q_.figure.column) : words_.rows(q_.base);
    if (key == "a" || key == "y1") return compared_value(q_.a);
    if (key == "z" || key == "y2") return compared_value(q_.z);
    if (key == "grew") return grew();
    if (key == "name" || key == "names") {
      const std::string c = words_.column(*q_.name);
      return key == "names" ? plural_of(c) : c;
    }
    if (key == "v") {
      const std::string& value = std::get<std::string>(q_.filters.at(0).a);
      words_.because(*q_.name, value);
      return value;
    }
    FATHOM_CHECK(false);
  }

  std::optional<std::string> verb() {
    const std::vector<std::string>& verbs = column_of(schema_, *q_.date).about->phrases;
    if (verbs.empty()) return std::nullopt;
    return draw_.pick(verbs);
  }

  // Some have words around them that ask for nothing.
  std::string addressed(std::string text) {
    if (draw_.chance(0.12)) text = words_.one_of("opener") + text;
    if (draw_.chance(0.08)) {
      const std::string mark =
          text.ends_with('?') || text.ends_with('.') ? text.substr(text.size() - 1) : "";
      text.resize(text.size() - mark.size());
      text += words_.one_of("closer") + mark;
    }
    return text;
  }

  // What was not said by a word of its own: the names of the rows.
  WrittenQuestion finished(const std::string& text, const std::string& family) {
    if (q_.name.has_value()) words_.because(*q_.name, words_.row(q_.base));
    if (q_.shape == Shape::kLatest) words_.because(*q_.date, "latest");
    if (q_.shape == Shape::kEarliest) words_.because(*q_.date, "earliest");
    WrittenQuestion out{tidy(text), words_.take_why(), family};
    if (out.text.ends_with('?') && draw_.chance(0.25)) out.text.pop_back();
    if (draw_.chance(0.25)) {
      out.text = lower_text(out.text);
      for (auto& [column, words] : out.why) words = lower_text(words);
    }
    return out;
  }

  Draw& draw_;
  const TableSchema& schema_;
  const TableQuery& q_;
  Wording words_;
  std::vector<ConditionPhrase> conditions_;
  std::string front_, before_, behind_;
  bool had_rows_ = false;
};

}  // namespace

Result<WrittenQuestion> write_question(Draw& draw, const TableSchema& schema,
                                       const TableQuery& query, bool held_out_phrasing) {
  return QuestionWriter(draw, schema, query).write(held_out_phrasing);
}

std::pair<std::string, std::string> offtopic_question(Draw& draw, const TableSchema& schema,
                                                      bool held_out_phrasing) {
  const auto& all = table_phrases().shapes.at("offtopic");
  // The last third is held out.
  const size_t first_held = all.size() * 2 / 3;
  const size_t i =
      held_out_phrasing ? first_held + draw.below(all.size() - first_held) : draw.below(first_held);
  std::string text = choose_alternatives(draw, all[i].text);
  std::string column = "total";
  for (const SchemaColumn& c : schema.tables[0].columns)
    if (c.about != nullptr && c.about->kind == ConceptKind::kNumber) column = c.words;
  const std::string country = draw.pick(table_words().domain("countries")->concepts[0].values);
  text = *filled(text, [&](std::string_view key) -> std::optional<std::string> {
    if (key == "rows") return schema.tables[0].noun.many;
    if (key == "c") return column;
    if (key == "country") return country;
    return std::string("Acme Corp");
  });
  const size_t open = text.find('<'), close = text.find('>');
  const std::string term = text.substr(open + 1, close - open - 1);
  text.erase(close, 1).erase(open, 1);
  if (draw.chance(0.3)) text = lower_text(text);
  return {text, term};
}

}  // namespace fathom
