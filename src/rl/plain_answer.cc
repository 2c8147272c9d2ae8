// See plain_answer_impl.h.
#include "rl/plain_answer_impl.h"

#include <algorithm>

#include "base/text_hash.h"
#include "rl/draw_impl.h"
#include "rl/tables_problem_impl.h"

namespace fathom {
namespace {

constexpr std::string_view kThoughtEnd = "</think>";
constexpr size_t kMaxThoughtBytes = 64 << 10;

std::string_view without_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

PlainAnswer read_plain_answer(std::string_view completion, size_t max_bytes) {
  PlainAnswer answer;
  const size_t end = completion.find(kThoughtEnd);
  if (end == completion.npos || end > kMaxThoughtBytes) {
    answer.why = "the thought does not end";
    return answer;
  }
  const std::string_view text = without_blanks(completion.substr(end + kThoughtEnd.size()));
  if (text.empty()) {
    answer.why = "nothing stands behind the thought";
  } else if (text.find(kThoughtEnd) != text.npos) {
    answer.why = "more than one thought";
  } else if (text.find('\n') != text.npos || text.size() > max_bytes) {
    answer.why = "more than one short line stands behind the thought";
  } else {
    answer.text = text;
    answer.well_formed = true;
  }
  return answer;
}

Score plain_score(const PlainAnswer& answer, bool right, bool readable, std::string_view completion,
                  std::string why, const RewardOptions& o) {
  Score score;
  score.well_formed = answer.well_formed;
  score.correct = answer.well_formed && right;
  score.why = answer.well_formed ? std::move(why) : answer.why;
  score.reward = o.wrong;
  if (score.correct)
    score.reward = right_reward(completion, o);
  else if (answer.well_formed && readable)
    score.reward = std::min(o.wrong + 0.1 * o.dense, 0.25 * o.wrong);
  return score;
}

bool is_held_out_problem(std::string_view problem) { return text_hash(problem) % 8 == 0; }

}  // namespace fathom
