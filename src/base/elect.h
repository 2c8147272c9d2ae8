// The choice among several answers to one question: that with which most agree.
#pragma once

#include <cstddef>

namespace fathom {

struct Elected {
  size_t place = 0;       // 0 where nobody agrees with anything
  size_t n_agreeing = 0;  // itself among them
};

/// Of n answers the one with which those of most weight agree, of as much weight the first.
/// weight(i): at least 0. agree(i, j): symmetric; agree(i, i) is false of an answer that has no
/// vote.
template <typename Weight, typename Agree>
Elected elect(size_t n, const Weight& weight, const Agree& agree) {
  Elected best;
  double most = 0;
  for (size_t i = 0; i < n; ++i) {
    double sum = 0;
    size_t n_agreeing = 0;
    for (size_t j = 0; j < n; ++j) {
      if (!agree(i, j)) continue;
      sum += weight(j);
      ++n_agreeing;
    }
    if (sum <= most) continue;
    most = sum;
    best = {i, n_agreeing};
  }
  return best;
}

}  // namespace fathom
