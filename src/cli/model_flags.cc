// The common flags of run, chat, logits and bench.
#include "cli/model_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/threads.h"
#include "cli/model_path.h"

namespace fathom {

CLI::Option* add_choice(CLI::App& sub, const std::string& names, std::string& value,
                        const std::vector<std::string>& words, const std::string& help) {
  return sub.add_option(names, value, help)
      ->check(CLI::IsMember(words).description(""))
      ->type_name(fmt::format("{}", fmt::join(words, "|")));
}

void add_model_flags(CLI::App& sub, ModelFlags& flags) {
  sub.add_option("-m,--model", flags.model,
                 fmt::format("{} (default: {})", kModelHelp, kDefaultModel))
      ->type_name("MODEL");
  add_choice(
      sub, "--numerics", flags.numerics, {"exact", "fast"},
      "exact: the same bits for every chunk, batch and thread count; fast: may trade that for "
      "speed (default: exact)");
  add_choice(sub, "--compute", flags.compute, {"bf16", "f32"},
             "Arithmetic on activations; weights are what the file holds (default: bf16)");
  add_number(sub, "--chunk", flags.n_chunk, int64_t{1}, int64_t{1} << 20, "N",
             "Most prompt tokens of one pass through the model (default: 512)");
  sub.add_flag("--fp8-activations", flags.fp8_activations,
               "Quantize the inputs of FP8 matrices as well, as the published FP8 code does (with "
               "--compute f32)");
  add_number(sub, "-t,--threads", flags.n_threads, 1, 4096, "N",
             "Threads (default: every processor it may use)");
}

EngineOptions engine_options(const ModelFlags& flags) {
  set_num_threads(flags.n_threads > 0 ? flags.n_threads : available_threads());
  EngineOptions options;
  options.model.numerics = flags.numerics == "fast" ? Numerics::kFast : Numerics::kExact;
  options.model.compute = flags.compute == "f32" ? Compute::kF32 : Compute::kBf16;
  options.model.fp8_activations = flags.fp8_activations;
  options.model.mtp_prenorm = flags.mtp_prenorm;
  options.n_ctx = flags.n_ctx;
  options.n_chunk = flags.n_chunk;
  return options;
}

Result<std::unique_ptr<Engine>> open_engine(const ModelFlags& flags) {
  FATHOM_ASSIGN_OR_RETURN(const std::filesystem::path path, find_model(flags.model));
  return Engine::open(path, engine_options(flags));
}

}  // namespace fathom
