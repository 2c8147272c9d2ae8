// fathom_tokenizer_bench DIRECTORY TEXT [VOCAB_SIZE]: opening, encoding and decoding with
// DIRECTORY's tokenizer, and with VOCAB_SIZE counting and training on the same text. MB/s of one
// thread in its own CPU time, median of five.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/threads.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/train.h"

namespace fathom {
namespace {

double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median_seconds(const std::function<void()>& fn) {
  std::vector<double> s(5);
  for (double& seconds : s) {
    const double t0 = cpu_seconds();
    fn();
    seconds = cpu_seconds() - t0;
  }
  std::sort(s.begin(), s.end());
  return s[s.size() / 2];
}

void report(const char* op, size_t n_bytes, const std::function<void()>& fn) {
  const double seconds = median_seconds(fn);
  fmt::print("{{\"op\": \"{}\", \"mb\": {:.2f}, \"ms\": {:.1f}, \"mb_per_s\": {:.1f}}}\n", op,
             static_cast<double>(n_bytes) * 1e-6, seconds * 1e3,
             static_cast<double>(n_bytes) * 1e-6 / seconds);
}

Status bench(const std::string& directory, const std::string& path, int64_t vocab_size) {
  set_num_threads(1);
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  FATHOM_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::open(directory));
  FATHOM_ASSIGN_OR_RETURN(const std::string json, read_file(directory + "/tokenizer.json"));
  report("open", json.size(), [&] { FATHOM_CHECK(Tokenizer::parse(json, "", "").ok()); });
  std::vector<int32_t> ids;
  report("encode", text.size(), [&] { ids = tokenizer->encode(text); });
  std::string decoded;
  report("decode", text.size(), [&] { decoded = tokenizer->decode(ids); });
  if (vocab_size == 0) return {};
  TokenizerTraining options;
  options.vocab_size = vocab_size;
  report("train", text.size(), [&] {
    const auto trainer = TokenizerTrainer::create(options);
    FATHOM_CHECK(trainer.ok());
    trainer.value()->add_text(text);
    FATHOM_CHECK(trainer.value()->train().ok());
  });
  return {};
}

}  // namespace
}  // namespace fathom

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    fmt::print(stderr, "usage: fathom_tokenizer_bench DIRECTORY TEXT [VOCAB_SIZE]\n");
    return 2;
  }
  const fathom::Status status =
      fathom::bench(argv[1], argv[2], argc == 4 ? std::stoll(argv[3]) : 0);
  if (!status.ok()) fmt::print(stderr, "{}\n", status.message());
  return status.ok() ? 0 : 1;
}
