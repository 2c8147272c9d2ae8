// The idle stretch of a training step's pipeline. Source: DeepSeek-V3 §3.2.1, table 2; ZB1P: Qi et
// al., "Zero Bubble Pipeline Parallelism" (2023).
#pragma once

#include <cstdint>
#include <string_view>

namespace fathom {

enum class PipelineSchedule { k1F1B, kZb1p, kDualPipe };
std::string_view name_of(PipelineSchedule schedule);  // "1f1b", "zb1p", "dualpipe"

/// Times of one micro-batch in one stage, any unit.
struct ChunkTimes {
  double forward = 0;           // F
  double backward = 0;          // B: for the inputs and for the weights
  double backward_weights = 0;  // W: the part for the weights
  double overlapped = 0;        // F&B: a forward and a backward chunk run into one another
};

/// Per step and device, in the chunks' unit:
///   1F1B (PP-1)(F+B) · ZB1P (PP-1)(F+B-2W) · DualPipe (PP/2-1)(F&B+B-3W); never below 0.
/// Requires: pp >= 1, even for kDualPipe.
double bubble_time(PipelineSchedule schedule, int64_t pp, const ChunkTimes& chunk);

}  // namespace fathom
