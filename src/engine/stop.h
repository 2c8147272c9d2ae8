// Stop strings on a stream of text: the answer ends where one of them is complete, and nothing of
// it is shown. The search is Aho and Corasick's ("Efficient string matching", 1975): one step a
// byte, and the depth of the state is the number of bytes to hold back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

/// Of several stop strings the one that is complete first ends the text; of those complete at the
/// same byte, the longest. The result does not depend on how the text is cut into pieces. Not
/// thread-safe.
class StopMatcher {
 public:
  /// Empty stop strings are ignored. They are UTF-8, and so is the text: then only whole characters
  /// are held back.
  explicit StopMatcher(const std::vector<std::string>& stops);

  /// Takes the next piece; returns what can be shown now: all but an end that may become a stop
  /// string. Empty after a stop.
  std::string push(std::string_view text);
  /// The text has ended without a stop: what is still held back.
  std::string finish();

  bool stopped() const { return stop_idx_ >= 0; }
  /// The stop string that was found. Requires: stopped().
  const std::string& stop() const { return stops_[stop_idx_]; }

 private:
  struct State {
    std::map<char, int32_t> next;
    int32_t fallback = 0;   // the longest other suffix that is a prefix of a stop string
    int64_t depth = 0;      // bytes from the root
    int32_t stop_idx = -1;  // the longest stop string that ends here
  };
  void add(int32_t stop_idx);
  void link();
  int32_t step(int32_t state, char byte) const;

  std::vector<std::string> stops_;
  std::vector<State> states_;
  int32_t state_ = 0;
  std::string held_;  // its length is the depth of state_
  int32_t stop_idx_ = -1;
};

}  // namespace fathom
