// What a step uses: its batch size, learning rate, MTP weight and bias speed, each a curve over the
// run made of phases. V3's recipe is such curves: a linear warm-up, constants, a cosine and two end
// phases for the rate, a ramp for the batch (DeepSeek-V3 §4.2).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace fathom {

enum class LengthUnit { kSteps, kTokens, kFraction, kRest };

/// How long something lasts. kFraction: of the whole run; kRest: until the run ends (amount
/// unused).
struct Length {
  LengthUnit unit = LengthUnit::kRest;
  double amount = 0;
};

enum class PhaseShape { kConstant, kLinear, kCosine };

/// One piece of a curve. A constant has `value` throughout; the others go from `from` (absent:
/// where the phase before ended, at first 0) to `value`, which the last step of the phase has in
/// full.
struct Phase {
  PhaseShape shape = PhaseShape::kConstant;
  double value = 0;
  std::optional<double> from = {};
  Length length = {};
};

/// After the last phase its value stays.
using Curve = std::vector<Phase>;
inline Curve constant_curve(double value) { return {Phase{.value = value}}; }

struct ScheduleOptions {
  Length total{LengthUnit::kSteps, 0};  // steps or tokens
  int64_t seq_len = 0, micro_batch_size = 1;
  Curve batch_size;  // sequences; rounded down to a multiple of micro_batch_size, at least one
                     // micro-batch
  Curve lr, mtp_lambda, bias_gamma;
};

struct StepPlan {
  int64_t step = 0;  // from 1
  int64_t batch_size = 0;
  int64_t tokens_before = 0,
          tokens_after = 0;  // predicted positions of the run before and after this step
  double lr = 0, mtp_lambda = 0, bias_gamma = 0;
};

/// One curve, walked step by step.
class CurveWalk {
 public:
  /// Requires: a curve with a phase, and total in steps or tokens.
  CurveWalk(const Curve& curve, const Length& total);
  /// The curve's value at the position `tokens` that step `step` reaches; tokens_before: where that
  /// step began. Requires: calls in the order of the steps.
  double at(int64_t step, int64_t tokens_before, int64_t tokens);

 private:
  double phase_length(const Phase& phase) const;
  bool in_steps(const Phase& phase) const;
  void next_phase(int64_t step, int64_t tokens_before, double end);

  Curve curve_;
  Length total_;
  size_t phase_ = 0;
  double start_step_ = 0, start_tokens_ = 0, start_value_ = 0;
};

/// Walks a run from its first step. Invariant: the plan of step k is a function of the options and
/// k.
class Schedule {
 public:
  /// Requires: total in steps or tokens and above 0, every curve with a phase, only last phases
  /// without a length.
  explicit Schedule(const ScheduleOptions& options);
  bool done() const { return done_; }
  /// Requires: !done().
  const StepPlan& now() const { return plan_; }
  void advance();

 private:
  void plan();

  ScheduleOptions options_;
  CurveWalk batch_size_, lr_, mtp_lambda_, bias_gamma_;
  StepPlan plan_;
  bool done_ = false;
};

struct RunExtent {
  int64_t steps = 0, tokens = 0;
};
/// How many steps and tokens the whole run has.
RunExtent run_extent(const ScheduleOptions& options);

}  // namespace fathom
