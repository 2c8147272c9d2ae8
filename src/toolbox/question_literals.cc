// See question_words_impl.h: numbers and dates.
#include <fmt/format.h>

#include <algorithm>

#include "toolbox/date_text_impl.h"
#include "toolbox/question_words_impl.h"
#include "toolbox/text_impl.h"

namespace fathom {
namespace {

using LiteralKind = MarkedLiteral::Kind;

// The date (2024-03-05) or month (2024-03) that begins the text; empty where there is none.
std::string_view leading_date(std::string_view text) {
  static constexpr std::string_view kShape = "dddd-dd-dd";
  size_t n = 0;
  while (n < std::min(text.size(), kShape.size()) &&
         (kShape[n] == '-' ? text[n] == '-' : is_digit(text[n])))
    ++n;
  if (n != kShape.size()) n = n >= 7 ? 7 : 0;
  const bool ends = n == text.size() || !(is_digit(text[n]) || text[n] == '-');
  return text.substr(0, ends ? n : 0);
}

// The number that begins the text, and its bytes: "1200.5" of "1,200.50 a day".
std::string leading_number(std::string_view text, size_t& bytes) {
  std::string digits;
  bool fraction = false;
  const auto digit = [&](size_t i) { return i < text.size() && is_digit(text[i]); };
  for (bytes = 0; bytes < text.size(); ++bytes) {
    const char c = text[bytes];
    const size_t i = bytes;
    if (is_digit(c)) {
      digits += c;
    } else if (c == '.' && !fraction && digit(i + 1)) {
      fraction = true;
      digits += c;
    } else if (!(c == ',' && !fraction && digit(i + 1) && digit(i + 2) && digit(i + 3) &&
                 !digit(i + 4))) {
      break;
    }
  }
  return digits;
}

// "5" and "1.5" with that many more digits before the point: 5000, 1500.
std::string times_power_of_ten(std::string number, size_t n) {
  size_t point = number.find('.');
  if (point == number.npos)
    point = number.size();
  else
    number.erase(point, 1);
  if (number.size() < point + n) number.append(point + n - number.size(), '0');
  if (number.size() > point + n) number.insert(point + n, 1, '.');
  const size_t first = std::min(number.find_first_not_of('0'), number.size() - 1);
  return number.substr(number[first] == '.' ? first - 1 : first);
}

// 3 of "k" and "thousand", 6 of "M" and "million"; 0 of what is no such word.
size_t power_of_ten(std::string_view word) {
  const std::string w = ascii_lower(word);
  if (w == "k" || w == "thousand") return 3;
  if (w == "m" || w == "mn" || w == "million") return 6;
  if (w == "bn" || w == "billion") return 9;
  return 0;
}

int small_number(std::string_view word) {
  static constexpr std::string_view kWords[] = {
      "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"};
  const auto at = std::find(std::begin(kWords), std::end(kWords), word);
  return at == std::end(kWords) ? 0 : static_cast<int>(at - std::begin(kWords)) + 2;
}

int ordinal(std::string_view word) {
  static constexpr std::string_view kWords[] = {"first", "second", "third", "fourth",
                                                "1st",   "2nd",    "3rd",   "4th"};
  const auto at = std::find(std::begin(kWords), std::end(kWords), word);
  return at == std::end(kWords) ? 0 : static_cast<int>(at - std::begin(kWords)) % 4 + 1;
}

class LiteralFinder {
 public:
  LiteralFinder(std::string_view question, const std::vector<QuestionWord>& words)
      : text_(question), words_(words) {}

  std::vector<QuestionMark> find() {
    for (size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].begin < done_) continue;
      if (!quoted(i) && !number(i) && !month(i) && !quarter(i)) small(i);
    }
    return std::move(marks_);
  }

 private:
  void add(size_t begin, size_t end, std::vector<MarkedLiteral> literals) {
    marks_.push_back({QuestionMark::Kind::kLiteral, begin, end, {}, std::move(literals)});
    done_ = end;
  }
  void add_number(size_t begin, size_t end, const std::string& bare) {
    if (bare != "0" && bare != "1") add(begin, end, {{LiteralKind::kNumber, bare, bare}});
  }
  void add_date(size_t begin, size_t end, const std::string& bare,
                LiteralKind kind = LiteralKind::kDate) {
    add(begin, end, {{kind, in_quotes(bare, '\''), bare}});
  }

  std::string_view written(size_t i) const {
    return text_.substr(words_[i].begin, words_[i].end - words_[i].begin);
  }
  // Word i + 1 follows word i on the same line of thought: nothing but a space, or a comma and one.
  bool follows(size_t i) const {
    if (i + 1 >= words_.size()) return false;
    const std::string_view gap = text_.substr(words_[i].end, words_[i + 1].begin - words_[i].end);
    return gap == " " || gap == ", " || gap == ",";
  }
  // The word as a whole number of at most `most_digits` digits; -1 where it is none.
  int whole(size_t i, size_t most_digits) const {
    const std::string_view w = written(i);
    if (w.size() > most_digits || !std::all_of(w.begin(), w.end(), is_digit)) return -1;
    return std::stoi(std::string(w));
  }
  bool is_year(size_t i) const {
    const int y = whole(i, 4);
    return y >= 1000 && !(words_[i].end + 1 < text_.size() && text_[words_[i].end] == '-' &&
                          is_digit(text_[words_[i].end + 1]));
  }

  // 'north shore': words between quotes, of which the first opens no apostrophe.
  bool quoted(size_t i) {
    const size_t begin = words_[i].begin;
    if (begin == 0) return false;
    const char quote = text_[begin - 1];
    if (quote != '\'' && quote != '"') return false;
    if (begin > 1 && text_[begin - 2] != ' ' && text_[begin - 2] != '(') return false;
    size_t end = text_.find(quote, begin);
    while (end != text_.npos && end + 1 < text_.size() && quote == '\'' && text_[end + 1] >= 'a' &&
           text_[end + 1] <= 'z')
      end = text_.find(quote, end + 1);  // the apostrophe of "it's"
    if (end == text_.npos || end - begin > kMaxIndexedBytes) return false;
    const std::string bare(text_.substr(begin, end - begin));
    add(begin, end, {{LiteralKind::kText, in_quotes(bare, '\''), bare}});
    return true;
  }

  bool number(size_t i) {
    const size_t begin = words_[i].begin;
    if (!is_digit(text_[begin])) return false;
    const auto letter = [&](size_t at) {
      const char c = ascii_lower(text_.substr(at, 1))[0];
      return c >= 'a' && c <= 'z';
    };
    const bool in_name = begin > 1 && text_[begin - 1] == '-' && letter(begin - 2);
    if (is_time(i)) return false;
    if (const std::string_view date = leading_date(text_.substr(begin)); !date.empty()) {
      if (!in_name) add_date(begin, begin + date.size(), std::string(date));
      return !in_name;
    }
    if (in_name) return false;
    if (day_month(i)) return true;
    size_t bytes = 0;
    std::string bare = leading_number(text_.substr(begin), bytes);
    const size_t last = word_at(begin + bytes - 1);
    size_t end = begin + bytes;
    if (const std::string_view behind = text_.substr(end, words_[last].end - end);
        !behind.empty()) {
      const size_t power = power_of_ten(behind);
      if (power == 0) return false;
      bare = times_power_of_ten(bare, power);
      end = words_[last].end;
    } else if (follows(last) && text_[end] == ' ' && words_[last + 1].key.size() > 2 &&
               power_of_ten(words_[last + 1].key) > 0) {
      bare = times_power_of_ten(bare, power_of_ten(words_[last + 1].key));
      end = words_[last + 1].end;
    }
    add_number(begin, end, bare);
    done_ = std::max(done_, end);
    return true;
  }

  // A part of 3:50:00.
  bool is_time(size_t i) const {
    const auto colon_and_digit = [&](size_t at, size_t digit) {
      return at < text_.size() && digit < text_.size() && text_[at] == ':' &&
             is_digit(text_[digit]);
    };
    const size_t begin = words_[i].begin, end = words_[i].end;
    return colon_and_digit(end, end + 1) || (begin > 1 && colon_and_digit(begin - 1, begin - 2));
  }

  size_t word_at(size_t byte) const {
    size_t i = 0;
    while (words_[i].end <= byte) ++i;
    return i;
  }

  // 5 March 2024
  bool day_month(size_t i) {
    const int day = whole(i, 2);
    if (day < 1 || day > 31 || !follows(i)) return false;
    const int month = month_of(written(i + 1));
    if (month == 0 || !follows(i + 1) || !is_year(i + 2)) return false;
    add_date(words_[i].begin, words_[i + 2].end,
             fmt::format("{}-{:02}-{:02}", written(i + 2), month, day));
    return true;
  }

  // March 5, 2024 · March 2024 · in March
  bool month(size_t i) {
    const int month = month_of(written(i));
    if (month == 0) return false;
    const size_t begin = words_[i].begin;
    if (follows(i) && is_year(i + 1)) {
      add_date(begin, words_[i + 1].end, fmt::format("{}-{:02}", written(i + 1), month));
      return true;
    }
    if (follows(i) && follows(i + 1) && is_year(i + 2)) {
      const int day = whole(i + 1, 2);
      if (day >= 1 && day <= 31) {
        add_date(begin, words_[i + 2].end,
                 fmt::format("{}-{:02}-{:02}", written(i + 2), month, day));
        return true;
      }
    }
    if (!stands_for_month(i)) return false;
    add_date(begin, words_[i].end, fmt::format("{:02}", month), LiteralKind::kMonthOfYear);
    return true;
  }

  // "may" and "mar" are words of their own.
  bool stands_for_month(size_t i) const {
    if (words_[i].key.size() > 3 && words_[i].key != "sept") return true;
    static constexpr std::string_view kBefore[] = {"in",    "during", "of",   "for",
                                                   "since", "before", "from", "until",
                                                   "after", "and",    "to",   "every"};
    return i > 0 && std::find(std::begin(kBefore), std::end(kBefore), words_[i - 1].key) !=
                        std::end(kBefore);
  }

  // Q2 2024 · the second quarter of 2024
  bool quarter(size_t i) {
    const std::string& w = words_[i].key;
    int n = 0;
    size_t year = i + 1;
    if (w.size() == 2 && w[0] == 'q' && w[1] >= '1' && w[1] <= '4') {
      n = w[1] - '0';
    } else if (ordinal(w) > 0 && follows(i) && words_[i + 1].key == "quarter" && follows(i + 1)) {
      n = ordinal(w);
      year = i + 2;
      if (words_[year].key == "of" && follows(year)) ++year;
    }
    if (n == 0 || !follows(year - 1) || !is_year(year)) return false;
    static constexpr std::string_view kLast[] = {"03-31", "06-30", "09-30", "12-31"};
    const std::string first = fmt::format("{}-{:02}-01", written(year), n * 3 - 2),
                      last = fmt::format("{}-{}", written(year), kLast[n - 1]);
    add(words_[i].begin, words_[year].end,
        {{LiteralKind::kDate, in_quotes(first, '\''), first},
         {LiteralKind::kDate, in_quotes(last, '\''), last}});
    return true;
  }

  void small(size_t i) {
    if (const int n = small_number(words_[i].key); n > 0)
      add_number(words_[i].begin, words_[i].end, std::to_string(n));
    else if (i > 0 && (words_[i - 1].key.starts_with("contain") || words_[i - 1].key == "word") &&
             !is_frequent_word(words_[i].key))
      add(words_[i].begin, words_[i].end,
          {{LiteralKind::kText, in_quotes(written(i), '\''), std::string(written(i))}});
  }

  std::string_view text_;
  const std::vector<QuestionWord>& words_;
  size_t done_ = 0;
  std::vector<QuestionMark> marks_;
};

}  // namespace

std::vector<QuestionMark> question_literals(std::string_view question,
                                            const std::vector<QuestionWord>& words) {
  return LiteralFinder(question, words).find();
}

}  // namespace fathom
