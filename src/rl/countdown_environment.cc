// The environment `countdown`: three or four numbers and a target, to be reached by + - * / with
// each number once. Solvable by construction. The demonstration works from both ends: what the last
// number would need, beside what the others give.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/check.h"
#include "rl/draw_impl.h"
#include "rl/environments_impl.h"
#include "rl/plain_answer_impl.h"

namespace fathom {
namespace {

// Exact, and never overflowing: parts stay below 2^31, beyond that there is no value.
struct Fraction {
  int64_t top = 0, bottom = 1;
};

std::optional<Fraction> reduced(int64_t top, int64_t bottom) {
  if (bottom == 0) return std::nullopt;
  if (bottom < 0) {
    top = -top;
    bottom = -bottom;
  }
  const int64_t g = std::gcd(top, bottom);
  top /= g;
  bottom /= g;
  constexpr int64_t kMost = int64_t{1} << 31;
  if (std::abs(top) >= kMost || bottom >= kMost) return std::nullopt;
  return Fraction{top, bottom};
}

std::optional<Fraction> combined(const Fraction& a, char op, const Fraction& b) {
  switch (op) {
    case '+':
      return reduced(a.top * b.bottom + b.top * a.bottom, a.bottom * b.bottom);
    case '-':
      return reduced(a.top * b.bottom - b.top * a.bottom, a.bottom * b.bottom);
    case '*':
      return reduced(a.top * b.top, a.bottom * b.bottom);
    default:
      return reduced(a.top * b.bottom, a.bottom * b.top);
  }
}

// The value of a text of numbers, + - * / and parentheses, and the numbers in it.
class Expression {
 public:
  explicit Expression(std::string_view text) : text_(text) {}

  std::optional<Fraction> value() {
    const auto v = sum(0);
    skip();
    return i_ == text_.size() ? v : std::nullopt;
  }
  std::vector<int64_t> numbers;

 private:
  void skip() {
    while (i_ < text_.size() && text_[i_] == ' ') ++i_;
  }
  std::optional<char> take(std::string_view marks) {
    skip();
    if (i_ >= text_.size() || marks.find(text_[i_]) == marks.npos) return std::nullopt;
    return text_[i_++];
  }

  std::optional<Fraction> sum(int depth) {
    auto v = product(depth);
    while (v.has_value()) {
      const auto op = take("+-");
      if (!op.has_value()) return v;
      const auto b = product(depth);
      if (!b.has_value()) return b;
      v = combined(*v, *op, *b);
    }
    return v;
  }

  std::optional<Fraction> product(int depth) {
    auto v = operand(depth);
    while (v.has_value()) {
      const auto op = take("*/");
      if (!op.has_value()) return v;
      const auto b = operand(depth);
      if (!b.has_value()) return b;
      v = combined(*v, *op, *b);
    }
    return v;
  }

  std::optional<Fraction> operand(int depth) {
    if (depth > 20) return std::nullopt;
    if (take("(").has_value()) {
      const auto v = sum(depth + 1);
      return take(")").has_value() ? v : std::nullopt;
    }
    skip();
    int64_t n = 0;
    size_t digits = 0;
    for (; i_ < text_.size() && text_[i_] >= '0' && text_[i_] <= '9' && digits < 6; ++i_, ++digits)
      n = n * 10 + (text_[i_] - '0');
    if (digits == 0) return std::nullopt;
    numbers.push_back(n);
    return Fraction{n, 1};
  }

  std::string_view text_;
  size_t i_ = 0;
};

struct Countdown {
  std::vector<int64_t> numbers;
  int64_t target = 0;
};

// Whole and positive, as the demonstrations keep to.
std::optional<int64_t> whole(int64_t a, char op, int64_t b) {
  const auto v = combined({a, 1}, op, {b, 1});
  if (!v.has_value() || v->bottom != 1 || v->top < 1 || v->top > 99'999) return std::nullopt;
  return v->top;
}

struct Combined {
  int64_t value;
  std::string text;     // of an expression, in parentheses where one is needed
  std::string working;  // "10-2=8", of the values of its two parts
};

// What two numbers give: a+b, the larger minus the smaller, a*b, and the whole quotient.
std::vector<Combined> results_of_two(const Combined& a, const Combined& b) {
  const Combined& high = a.value >= b.value ? a : b;
  const Combined& low = a.value >= b.value ? b : a;
  std::vector<Combined> out;
  for (const char op : {'+', '-', '*', '/'}) {
    const auto v = whole(high.value, op, low.value);
    if (v.has_value())
      out.push_back({*v, fmt::format("({}{}{})", high.text, op, low.text),
                     fmt::format("{}{}{}={}", high.value, op, low.value, *v)});
  }
  return out;
}

struct Need {
  int64_t value;
  char op;
  bool number_first;    // number op value = target
  std::string working;  // "12-9=3": how the value comes of the target and the number
};

// What must stand beside `number` to reach the target by one operation.
std::vector<Need> needs_of(int64_t number, int64_t target) {
  std::vector<Need> needs;
  const auto add = [&](int64_t a, char working_op, int64_t b, char op, bool first) {
    const auto v = whole(a, working_op, b);
    if (v.has_value())
      needs.push_back({*v, op, first, fmt::format("{}{}{}={}", a, working_op, b, *v)});
  };
  add(target, '-', number, '+', false);
  add(target, '+', number, '-', false);
  add(number, '-', target, '-', true);
  add(target, '/', number, '*', false);
  add(target, '*', number, '/', false);
  add(number, '/', target, '/', true);
  return needs;
}

// Three numbers: for each as the last one a line of what it needs and what the others give.
// Returns the expression, or "" where no line finds one. Appends to `trace`.
std::string search_three(const std::vector<Combined>& n, int64_t target, std::string& trace) {
  for (size_t last = n.size(); last-- > 0;) {
    const Combined &c = n[last], &a = n[last == 0 ? 1 : 0], &b = n[last == 2 ? 1 : 2];
    const std::vector<Need> needs = needs_of(c.value, target);
    const std::vector<Combined> given = results_of_two(a, b);
    trace += fmt::format("{}: need", c.value);
    for (const Need& x : needs) trace += ' ' + x.working;
    trace += "; give";
    for (const Combined& g : given) trace += ' ' + g.working;
    for (const Need& x : needs) {
      for (const Combined& g : given) {
        if (g.value != x.value) continue;
        trace += fmt::format("; {} {} fits\n", x.working, g.working);
        return x.number_first ? fmt::format("{}{}{}", c.text, x.op, g.text)
                              : fmt::format("{}{}{}", g.text, x.op, c.text);
      }
    }
    trace += "; no\n";
  }
  return "";
}

Countdown draw_countdown(Draw& draw, int difficulty) {
  static constexpr int64_t kMostNumber[] = {10, 20, 50, 10, 20, 50};
  const size_t n = difficulty < 3 ? 3 : 4;
  while (true) {
    Countdown c;
    for (size_t i = 0; i < n; ++i) c.numbers.push_back(draw.between(1, kMostNumber[difficulty]));
    std::vector<Combined> left;
    for (const int64_t x : c.numbers) left.push_back({x, "", ""});
    while (left.size() > 1) {
      draw.shuffle(left);
      const auto results = results_of_two(left[left.size() - 1], left[left.size() - 2]);
      left.resize(left.size() - 2);
      left.push_back(draw.pick(results));  // their sum at least
    }
    c.target = left[0].value;
    if (c.target <= 200) return c;
  }
}

// Four numbers: two of them are combined first; which two, the trace finds by trying.
std::string search_four(Draw& draw, const Countdown& c, std::string& trace) {
  struct First {
    std::vector<Combined> numbers;
    std::string line;
  };
  std::vector<First> wrong, right;
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = i + 1; j < 4; ++j) {
      const auto text = [&](size_t k) {
        return Combined{c.numbers[k], std::to_string(c.numbers[k]), ""};
      };
      for (const Combined& r : results_of_two(text(i), text(j))) {
        First f{{r}, fmt::format("{}={}\n", r.text.substr(1, r.text.size() - 2), r.value)};
        for (size_t k = 0; k < 4; ++k)
          if (k != i && k != j) f.numbers.push_back(text(k));
        std::string unused;
        (search_three(f.numbers, c.target, unused).empty() ? wrong : right).push_back(std::move(f));
      }
    }
  }
  FATHOM_CHECK(!right.empty());
  draw.shuffle(wrong);
  for (size_t k = std::min<size_t>(draw.below(3), wrong.size()); k > 0; --k) {
    trace += wrong[k - 1].line;
    search_three(wrong[k - 1].numbers, c.target, trace);
  }
  const First& f = draw.pick(right);
  trace += f.line;
  return search_three(f.numbers, c.target, trace);
}

class CountdownEnvironment final : public Environment {
 public:
  std::string_view name() const override { return "countdown"; }

  Problem sample(uint64_t seed, int difficulty, Split split) const override {
    const int level = std::clamp(difficulty, 0, kMaxDifficulty);
    Draw draw(seed, stream(level, split));
    const Countdown c = make(draw, level, split);
    return {{{"user", fmt::format("Reach {} with {} by + - * /, each number once.", c.target,
                                  fmt::join(c.numbers, " "))}},
            seed,
            difficulty,
            split,
            c.numbers.size() == 3 ? "countdown-3" : "countdown-4"};
  }

  Score score(const Problem& problem, std::string_view completion,
              const RewardOptions& options) const override {
    const int level = std::clamp(problem.difficulty, 0, kMaxDifficulty);
    Draw draw(problem.seed, stream(level, problem.split));
    Countdown c = make(draw, level, problem.split);
    const PlainAnswer answer = read_plain_answer(completion);
    std::string_view text = answer.text;
    const size_t equals = text.find('=');  // "3*7+8 = 29"
    if (equals != text.npos && text.substr(equals).find_first_not_of("= 0123456789") == text.npos)
      text = text.substr(0, equals);
    Expression expression(text);
    const auto value = expression.value();
    std::sort(c.numbers.begin(), c.numbers.end());
    std::sort(expression.numbers.begin(), expression.numbers.end());
    const bool same_numbers = expression.numbers == c.numbers;
    const bool reached = value.has_value() && value->bottom == 1 && value->top == c.target;
    std::string why = "right";
    if (!value.has_value())
      why = "an expression wanted";
    else if (!same_numbers)
      why = fmt::format("each of {} once wanted", fmt::join(c.numbers, " "));
    else if (!reached)
      why = fmt::format("{} wanted, {}/{} found", c.target, value->top, value->bottom);
    return plain_score(answer, reached && same_numbers, value.has_value() && same_numbers,
                       completion, std::move(why), options);
  }

  std::string demonstrate(const Problem& problem) const override {
    const int level = std::clamp(problem.difficulty, 0, kMaxDifficulty);
    Draw draw(problem.seed, stream(level, problem.split));
    const Countdown c = make(draw, level, problem.split);
    std::string trace, found;
    if (c.numbers.size() == 3) {
      std::vector<Combined> numbers;
      for (const int64_t x : c.numbers) numbers.push_back({x, std::to_string(x), ""});
      found = search_three(numbers, c.target, trace);
    } else {
      found = search_four(draw, c, trace);
    }
    FATHOM_CHECK(!found.empty());
    return fmt::format("{}</think>\n{}", trace, found);
  }

 private:
  static uint64_t stream(int level, Split split) {
    return 10'000 + static_cast<uint64_t>(level) * 8 + static_cast<uint64_t>(split);
  }

  static Countdown make(Draw& draw, int level, Split split) {
    while (true) {
      Countdown c = draw_countdown(draw, level);
      std::vector<int64_t> sorted = c.numbers;
      std::sort(sorted.begin(), sorted.end());
      const std::string key = fmt::format("{} {}", fmt::join(sorted, " "), c.target);
      if (is_held_out_problem(key) == (split != Split::kTrain)) return c;
    }
  }
};

}  // namespace

std::unique_ptr<Environment> make_countdown_environment() {
  return std::make_unique<CountdownEnvironment>();
}

}  // namespace fathom
