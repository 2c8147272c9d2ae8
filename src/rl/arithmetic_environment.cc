// The environment `arithmetic`: whole numbers to eight digits, products, division with remainder,
// units, percent and dates, with the working written out. The answer is one exact number or date.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "rl/arithmetic_working_impl.h"
#include "rl/draw_impl.h"
#include "rl/environments_impl.h"
#include "rl/plain_answer_impl.h"

namespace fathom {
namespace {

using Phrases = std::vector<std::string>;

struct ArithmeticProblem {
  std::string kind, question, working, answer;
};

// The last of the phrases is held out.
const std::string& phrase_of(Draw& draw, const Phrases& all, bool held_out) {
  return held_out ? all.back() : all[draw.below(all.size() - 1)];
}

int64_t number_of_digits(Draw& draw, int64_t n) {
  int64_t low = 1;
  for (int64_t i = 1; i < n; ++i) low *= 10;
  return draw.between(n == 1 ? 0 : low, low * 10 - 1);
}

// Hundredths as a decimal: 1250 is 12.5.
std::string hundredths(int64_t h) {
  std::string text = fmt::format("{}.{:02}", h / 100, h % 100);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

ArithmeticProblem sum_problem(Draw& draw, int64_t digits, bool held_out) {
  static const Phrases kPlus = {"{} + {}", "What is {} + {}?", "{} plus {}", "Add {} and {}.",
                                "How much is {} and {} together?"};
  static const Phrases kMinus = {"{} - {}", "What is {} - {}?", "{} minus {}",
                                 "How much is {} less {}?"};
  const int64_t a = number_of_digits(draw, draw.between(1, digits));
  const int64_t b = number_of_digits(draw, draw.between(1, digits));
  if (draw.chance(0.5))
    return {"addition", fmt::format(fmt::runtime(phrase_of(draw, kPlus, held_out)), a, b),
            addition_working(a, b), std::to_string(a + b)};
  ArithmeticProblem p{"subtraction",
                      fmt::format(fmt::runtime(phrase_of(draw, kMinus, held_out)), a, b), "",
                      std::to_string(a - b)};
  if (a < b) p.working = fmt::format("{}<{}: -({}-{})\n", a, b, b, a);
  p.working += subtraction_working(std::max(a, b), std::min(a, b));
  return p;
}

ArithmeticProblem product_problem(Draw& draw, int64_t digits, bool held_out) {
  static const Phrases kTimes = {"{} * {}", "What is {} x {}?", "{} times {}", "Multiply {} by {}.",
                                 "How much is {} taken {} times?"};
  const int64_t a = number_of_digits(draw, draw.between(1, digits));
  const int64_t b = number_of_digits(draw, draw.between(1, digits > 3 ? 2 : 1));
  return {"multiplication", fmt::format(fmt::runtime(phrase_of(draw, kTimes, held_out)), a, b),
          multiplication_working(a, b), std::to_string(a * b)};
}

ArithmeticProblem division_problem(Draw& draw, int64_t digits, bool held_out) {
  static const Phrases kDivide = {"{} / {} with remainder", "Divide {} by {}, with remainder.",
                                  "What is {} divided by {}, and what remains?",
                                  "How often does {} hold {}, and what is left?"};
  const int64_t a = number_of_digits(draw, draw.between(2, digits)), b = draw.between(2, 12);
  return {"division", fmt::format(fmt::runtime(phrase_of(draw, kDivide, held_out)), a, b),
          division_working(a, b), fmt::format("{} remainder {}", a / b, a % b)};
}

struct UnitPair {
  const char *large, *small;
  int64_t factor;
};
constexpr UnitPair kUnits[] = {
    {"km", "m", 1000},        {"m", "cm", 100},           {"kg", "g", 1000},
    {"t", "kg", 1000},        {"l", "ml", 1000},          {"cm", "mm", 10},
    {"hours", "minutes", 60}, {"minutes", "seconds", 60}, {"days", "hours", 24},
    {"weeks", "days", 7},     {"years", "months", 12},    {"feet", "inches", 12},
    {"yards", "feet", 3},     {"dollars", "cents", 100}};

ArithmeticProblem unit_problem(Draw& draw, bool held_out) {
  static const Phrases kInto = {"{} {} in {}", "Convert {} {} to {}.", "How many {2} are {0} {1}?",
                                "Express {} {} in {}."};
  const UnitPair& u = kUnits[draw.below(std::size(kUnits))];
  const int64_t n = draw.between(2, 400);
  const std::string factor = fmt::format("1 {} = {} {}\n", u.large, u.factor, u.small);
  const std::string& phrase = phrase_of(draw, kInto, held_out);
  if (draw.chance(0.6)) {
    return {"units", fmt::format(fmt::runtime(phrase), n, u.large, u.small),
            fmt::format("{}{}*{}\n{}", factor, n, u.factor, multiplication_working(n, u.factor)),
            std::to_string(n * u.factor)};
  }
  const int64_t small = n * u.factor;
  std::string working = fmt::format("{}{}/{}\n", factor, small, u.factor);
  if (u.factor < 100) working += division_working(small, u.factor);
  return {"units", fmt::format(fmt::runtime(phrase), small, u.small, u.large), working,
          std::to_string(n)};
}

ArithmeticProblem percent_problem(Draw& draw, bool held_out) {
  static const Phrases kOf = {"{}% of {}", "What is {}% of {}?", "How much is {} percent of {}?",
                              "Take {}% of {}."};
  static const Phrases kUp = {"{1} increased by {0}%", "What is {1} plus {0}%?",
                              "{1} rises by {0}%. What is it then?"};
  static const Phrases kDown = {"{1} reduced by {0}%", "What is {1} less {0}%?",
                                "{1} falls by {0}%. What is it then?"};
  static constexpr int64_t kPercents[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 12,
                                          15, 20, 25, 30, 40, 50, 60, 75, 80, 90};
  const int64_t percent = kPercents[draw.below(std::size(kPercents))];
  const int64_t whole = draw.between(2, 999) * (draw.chance(0.5) ? 10 : 1);
  const int64_t part = whole * percent;  // in hundredths
  std::string working = fmt::format("{}*{}\n{}{}/100={}\n", whole, percent,
                                    multiplication_working(whole, percent), part, hundredths(part));
  const double kind = draw.uniform();
  if (kind < 0.6)
    return {"percent", fmt::format(fmt::runtime(phrase_of(draw, kOf, held_out)), percent, whole),
            working, hundredths(part)};
  const bool up = kind < 0.8;
  const int64_t result = whole * 100 + (up ? part : -part);
  working += fmt::format("{}{}{}\n", whole, up ? "+" : "-", hundredths(part));
  working += up ? addition_working(whole * 100, part) : subtraction_working(whole * 100, part);
  working += fmt::format("{}/100={}\n", result, hundredths(result));
  return {"percent",
          fmt::format(fmt::runtime(phrase_of(draw, up ? kUp : kDown, held_out)), percent, whole),
          working, hundredths(result)};
}

std::string iso(std::chrono::sys_days day) {
  const std::chrono::year_month_day d(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(d.year()),
                     static_cast<unsigned>(d.month()), static_cast<unsigned>(d.day()));
}

std::chrono::sys_days end_of_month(std::chrono::sys_days day) {
  const std::chrono::year_month_day d(day);
  return d.year() / d.month() / std::chrono::last;
}

// Month by month: "2024-02-27 to 2024-02-29: 2", then whole months, each with the days so far.
ArithmeticProblem days_between(Draw& draw, std::chrono::sys_days from, bool held_out) {
  static const Phrases kDays = {"Days from {} to {}?", "How many days are there from {} to {}?",
                                "How many days pass between {} and {}?",
                                "{} until {}: how many days?"};
  const auto to = from + std::chrono::days(draw.between(1, 150));
  std::string working;
  int64_t total = 0;
  for (auto at = from; at < to;) {
    const auto next = std::min(
        to, end_of_month(at) == at ? end_of_month(at + std::chrono::days(1)) : end_of_month(at));
    const int64_t n = (next - at).count();
    working += fmt::format("to {}: {}", iso(next), n);
    if (total > 0) working += fmt::format(", {}+{}={}", total, n, total + n);
    working += '\n';
    total += n;
    at = next;
  }
  return {"dates", fmt::format(fmt::runtime(phrase_of(draw, kDays, held_out)), iso(from), iso(to)),
          working, std::to_string(total)};
}

ArithmeticProblem day_after(Draw& draw, std::chrono::sys_days from, bool held_out) {
  static const Phrases kAfter = {"{1} days after {0}", "Which day is {1} days after {0}?",
                                 "{0} plus {1} days", "What is the date {1} days later than {0}?"};
  int64_t left = draw.between(1, 120);
  const int64_t n = left;
  std::string working;
  auto at = from;
  while (left > 0) {
    const auto end =
        end_of_month(at) == at ? end_of_month(at + std::chrono::days(1)) : end_of_month(at);
    const int64_t here = (end - at).count();
    if (left <= here) {
      at += std::chrono::days(left);
      working += fmt::format("{} days to {}\n", left, iso(at));
      left = 0;
    } else {
      working += fmt::format("{} days to {}, {}-{}={}\n", here, iso(end), left, here, left - here);
      left -= here;
      at = end;
    }
  }
  return {"dates", fmt::format(fmt::runtime(phrase_of(draw, kAfter, held_out)), iso(from), n),
          working, iso(at)};
}

ArithmeticProblem date_problem(Draw& draw, bool held_out) {
  using namespace std::chrono;
  const sys_days first = year(2000) / 1 / 1;
  const sys_days from = first + days(draw.between(0, 365 * 30));
  return draw.chance(0.5) ? days_between(draw, from, held_out) : day_after(draw, from, held_out);
}

ArithmeticProblem draw_arithmetic(Draw& draw, int difficulty, bool held_out) {
  static constexpr int64_t kDigits[] = {2, 3, 4, 6, 8, 8};
  const int64_t digits = kDigits[difficulty];
  const double kind = draw.uniform();
  if (kind < 0.45) return sum_problem(draw, digits, held_out);
  if (kind < 0.6) return product_problem(draw, std::min<int64_t>(digits, 5), held_out);
  if (kind < 0.7)
    return division_problem(draw, std::max<int64_t>(2, std::min<int64_t>(digits, 6)), held_out);
  if (kind < 0.8) return unit_problem(draw, held_out);
  if (kind < 0.9) return percent_problem(draw, held_out);
  return date_problem(draw, held_out);
}

// Thousands' commas, a trailing mark and ".0" do not make a number another one.
std::string canonical(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ',' && c != '=') out += c;
  while (out.ends_with('.') || out.ends_with(' ')) out.pop_back();
  while (out.starts_with(' ')) out.erase(0, 1);
  if (out.find('.') != out.npos && out.find_first_not_of("-0123456789.") == out.npos) {
    while (out.ends_with('0')) out.pop_back();
    if (out.ends_with('.')) out.pop_back();
  }
  return out;
}

class ArithmeticEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "arithmetic"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const ArithmeticProblem p = make(seed, difficulty, split);
    return {{{"user", p.question}}, seed, difficulty, split, p.kind};
  }

  Score score(const Problem& problem, std::string_view completion,
              const RewardOptions& options) const override {
    const ArithmeticProblem p = make(problem.seed, problem.difficulty, problem.split);
    const PlainAnswer answer = read_plain_answer(completion);
    const std::string found = canonical(answer.text);
    const bool right = !found.empty() && found == p.answer;
    const bool number = found.find_first_not_of("-0123456789. remaind") == found.npos;
    return plain_score(answer, right, number, completion,
                       right ? "right" : fmt::format("{} wanted, {} found", p.answer, found),
                       options);
  }

  std::string demonstrate(const Problem& problem) const override {
    const ArithmeticProblem p = make(problem.seed, problem.difficulty, problem.split);
    return fmt::format("{}</think>\n{}", p.working, p.answer);
  }

 private:
  static ArithmeticProblem make(uint64_t seed, int difficulty, Split split) {
    const int level = std::clamp(difficulty, 0, kMaxDifficulty);
    const bool held_out = split == Split::kPhrasing || split == Split::kSchemaAndPhrasing;
    Draw draw(seed, 20'000 + static_cast<uint64_t>(level) * 8 + static_cast<uint64_t>(split));
    while (true) {  // by the working: the same numbers, however they are asked for
      ArithmeticProblem p = draw_arithmetic(draw, level, held_out);
      if (is_held_out_problem(p.kind + p.working + p.answer) == (split != Split::kTrain)) return p;
    }
  }
};

}  // namespace

std::unique_ptr<Environment> make_arithmetic_environment() {
  return std::make_unique<ArithmeticEnvironment>();
}

}  // namespace fathom
