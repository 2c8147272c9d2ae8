// Drawing one token from a row of 129,280 logits (V3's vocabulary): microseconds of one thread's
// own CPU time, the log-probability included, for a row with a few likely tokens and for one where
// all are alike (an untrained model, the worst case).
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/rng.h"
#include "engine/sampler.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace fathom {
namespace {

constexpr int64_t kVocab = 129280;

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median_us(const std::function<void(int64_t)>& fn) {
  fn(0);
  std::vector<double> us;
  for (int64_t i = 1; i <= 200; ++i) {
    const double begin = cpu_seconds();
    fn(i);
    us.push_back(1e6 * (cpu_seconds() - begin));
  }
  std::nth_element(us.begin(), us.begin() + 100, us.end());
  return us[100];
}

std::vector<float> row(double spread, float best) {
  const Rng rng(1, 2);
  std::vector<float> logits(kVocab);
  for (int64_t i = 0; i < kVocab; ++i) logits[i] = static_cast<float>(spread * rng.normal(i));
  logits[77] = best;
  logits[99] = best - best / 18;
  return logits;
}

void report(const char* variant, const char* shape, double us) {
  fmt::print(
      "{{\"op\": \"sample\", \"variant\": \"{}\", \"row\": \"{}\", \"vocab\": {}, \"us\": "
      "{:.1f}}}\n",
      variant, shape, kVocab, us);
}

void measure(const char* shape, const std::vector<float>& logits) {
  const std::pair<const char*, SamplingOptions> variants[] = {
      {"greedy", {.temp = 0}},
      {"temp 0.6, top_p 0.95", {}},
      {"temp 1", {.temp = 1, .top_p = 1}},
      {"top_k 40", {.top_k = 40}},
      {"min_p 0.05", {.top_p = 1, .min_p = 0.05}},
      {"4000 tokens penalised", {.repetition_penalty = 1.1}}};
  report("log_softmax_at", shape,
         median_us([&](int64_t) { log_softmax_at(logits.data(), kVocab, 7); }));
  for (const auto& [name, options] : variants) {
    Sampler sampler(options, 0);
    for (int32_t i = 0; i < 4000; ++i) sampler.accept(7 * i);
    SamplerScratch scratch;
    report(name, shape,
           median_us([&](int64_t position) { (void)sampler.sample(scratch, logits, position); }));
  }
}

}  // namespace
}  // namespace fathom

int main() {
  fathom::measure("few likely", fathom::row(2.5, 18));
  fathom::measure("all alike", fathom::row(0.01, 0));
}
