// An answer in one line behind a thought: what arithmetic and countdown read.
#pragma once

#include <string>
#include <string_view>

#include "rl/environment.h"

namespace fathom {

struct PlainAnswer {
  std::string text = {};
  bool well_formed = false;  // one closed thought, then one line of at most max_bytes
  std::string why = {};
};
PlainAnswer read_plain_answer(std::string_view completion, size_t max_bytes = 100);

/// The score of an answer without form, or of a well-formed one. `readable`: a wrong answer was at
/// least of the kind that is asked for.
Score plain_score(const PlainAnswer& answer, bool right, bool readable, std::string_view completion,
                  std::string why, const RewardOptions& options);

/// Training has seven of eight problems of this kind, the other splits the eighth.
bool is_held_out_problem(std::string_view problem);

}  // namespace fathom
