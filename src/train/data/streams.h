// The streams of random numbers that the data draws from (base/rng.h), one for each question, far
// from those of the parameters' starting values, which count from 0.
#pragma once

#include <cstdint>

namespace fathom {

inline constexpr uint64_t kDataStreams = uint64_t{0x64617461} << 32;
inline constexpr uint64_t kValidationStream = kDataStreams;  // is a document held out?
inline constexpr uint64_t kFimStream = kDataStreams + 1;  // is it told as prefix, suffix, middle?
inline constexpr uint64_t kFimCutStream = kDataStreams + 2;  // where is it cut? (two streams)
inline constexpr uint64_t kOrderStreams =
    kDataStreams + (uint64_t{1} << 56);  // + epoch: order of documents
inline constexpr uint64_t kWeightStreams =
    kDataStreams + (uint64_t{2} << 56);  // + epoch: parts of a weight

}  // namespace fathom
