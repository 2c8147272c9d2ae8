#include "cost/pipeline.h"

#include <algorithm>

#include "base/check.h"

namespace fathom {

std::string_view name_of(PipelineSchedule schedule) {
  constexpr std::string_view kNames[] = {"1f1b", "zb1p", "dualpipe"};
  return kNames[static_cast<int>(schedule)];
}

double bubble_time(PipelineSchedule schedule, int64_t pp, const ChunkTimes& c) {
  FATHOM_CHECK(pp >= 1);
  FATHOM_CHECK(schedule != PipelineSchedule::kDualPipe || pp % 2 == 0);
  const double stages = static_cast<double>(pp);
  double time = 0;
  switch (schedule) {
    case PipelineSchedule::k1F1B:
      time = (stages - 1) * (c.forward + c.backward);
      break;
    case PipelineSchedule::kZb1p:
      time = (stages - 1) * (c.forward + c.backward - 2 * c.backward_weights);
      break;
    case PipelineSchedule::kDualPipe:
      time = (stages / 2 - 1) * (c.overlapped + c.backward - 3 * c.backward_weights);
      break;
  }
  return std::max(time, 0.0);
}

}  // namespace fathom
