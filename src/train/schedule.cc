// See schedule.h. A phase may be measured in steps while the one before it was in tokens; where
// each began is known only by walking the steps from the first, which costs nanoseconds a step, so
// a resumed run walks again.
#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace fathom {

CurveWalk::CurveWalk(const Curve& curve, const Length& total) : curve_(curve), total_(total) {
  FATHOM_CHECK(!curve.empty());
  FATHOM_CHECK(total.unit == LengthUnit::kSteps || total.unit == LengthUnit::kTokens);
}

bool CurveWalk::in_steps(const Phase& phase) const {
  const LengthUnit unit = phase.length.unit;
  if (unit == LengthUnit::kSteps || unit == LengthUnit::kTokens) return unit == LengthUnit::kSteps;
  return total_.unit == LengthUnit::kSteps;
}

double CurveWalk::phase_length(const Phase& phase) const {
  switch (phase.length.unit) {
    case LengthUnit::kSteps:
    case LengthUnit::kTokens:
      return phase.length.amount;
    case LengthUnit::kFraction:
      return phase.length.amount * total_.amount;
    case LengthUnit::kRest:
      return std::max(0.0, total_.amount - (in_steps(phase) ? start_step_ : start_tokens_));
  }
  return 0;
}

// A step that passes the end of a phase in tokens may lie beyond it; the phase ended at `end`
// nevertheless, and the next one begins there. In the other unit, the next one begins with this
// step.
void CurveWalk::next_phase(int64_t step, int64_t tokens_before, double end) {
  const bool steps = in_steps(curve_[phase_]);
  start_step_ = steps ? end : static_cast<double>(step - 1);
  start_tokens_ = steps ? static_cast<double>(tokens_before) : end;
  start_value_ = curve_[phase_].value;
  ++phase_;
}

double CurveWalk::at(int64_t step, int64_t tokens_before, int64_t tokens) {
  for (;;) {
    const Phase& phase = curve_[phase_];
    const bool steps = in_steps(phase);
    const double start = steps ? start_step_ : start_tokens_;
    const double here = steps ? static_cast<double>(step) : static_cast<double>(tokens);
    const double length = phase_length(phase);
    if (here > start + length && phase_ + 1 < curve_.size()) {
      next_phase(step, tokens_before, start + length);
      continue;
    }
    if (phase.shape == PhaseShape::kConstant || here >= start + length) return phase.value;
    const double from = phase.from.value_or(start_value_);
    const double way = (here - start) / length;
    const double share =
        phase.shape == PhaseShape::kLinear ? way : 0.5 - 0.5 * std::cos(std::numbers::pi * way);
    return from + (phase.value - from) * share;
  }
}

Schedule::Schedule(const ScheduleOptions& options)
    : options_(options),
      batch_size_(options.batch_size, options.total),
      lr_(options.lr, options.total),
      mtp_lambda_(options.mtp_lambda, options.total),
      bias_gamma_(options.bias_gamma, options.total) {
  FATHOM_CHECK(options.total.amount > 0 && options.seq_len > 0 && options.micro_batch_size > 0);
  plan();
}

void Schedule::advance() {
  FATHOM_CHECK(!done_);
  plan();
}

void Schedule::plan() {
  StepPlan& p = plan_;
  const double passed =
      static_cast<double>(options_.total.unit == LengthUnit::kSteps ? p.step : p.tokens_after);
  if (passed >= options_.total.amount) {
    done_ = true;
    return;
  }
  p.step += 1;
  p.tokens_before = p.tokens_after;
  // The batch is chosen where its first token lies; the rest of the plan by where the step ends.
  const int64_t micro = options_.micro_batch_size;
  const double wanted = batch_size_.at(p.step, p.tokens_before, p.tokens_before + 1);
  p.batch_size = std::max<int64_t>(1, static_cast<int64_t>(wanted) / micro) * micro;
  p.tokens_after = p.tokens_before + p.batch_size * options_.seq_len;
  p.lr = lr_.at(p.step, p.tokens_before, p.tokens_after);
  p.mtp_lambda = mtp_lambda_.at(p.step, p.tokens_before, p.tokens_after);
  p.bias_gamma = bias_gamma_.at(p.step, p.tokens_before, p.tokens_after);
}

RunExtent run_extent(const ScheduleOptions& options) {
  Schedule schedule(options);
  RunExtent extent;
  for (; !schedule.done(); schedule.advance()) {
    extent = {schedule.now().step, schedule.now().tokens_after};
  }
  return extent;
}

}  // namespace fathom
