// See rl_run.h. What a step computes depends on the weights at its begin, the settings and the
// step's number alone: problems, rollouts and their draws are functions of these (base/rng.h).
#include "rl/rl_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/file.h"
#include "base/rng.h"
#include "base/threads.h"
#include "checkpoint/checkpoint.h"
#include "cost/flops.h"
#include "rl/policy_update.h"
#include "rl/rollout_record.h"
#include "rl/rollout_step.h"
#include "train/checksum.h"
#include "train/report.h"
#include "train/run_ledger.h"
#include "train/run_log.h"
#include "train/snapshot.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using RlClock = std::chrono::steady_clock;

constexpr uint64_t kRoutingNoiseStreams = uint64_t{0x6e6f6973} << 32;  // + step

double rl_seconds_since(RlClock::time_point begin) {
  return std::chrono::duration<double>(RlClock::now() - begin).count();
}

// The curves of the settings, walked together.
class RlSchedule {
 public:
  explicit RlSchedule(const RlConfig& c)
      : total_{LengthUnit::kSteps, static_cast<double>(c.train.steps)},
        lr_(c.train.lr, total_),
        mtp_lambda_(c.train.mtp_lambda, total_),
        bias_gamma_(c.train.bias_gamma, total_),
        dense_(c.reward.dense, total_),
        difficulty_min_(c.problems.difficulty_min, total_),
        difficulty_max_(c.problems.difficulty_max, total_) {}

  struct Now {
    int64_t step = 0;
    double lr = 0, mtp_lambda = 0, bias_gamma = 0, dense = 0;
    int difficulty_min = 0, difficulty_max = 0;
  };
  /// Requires: calls in the order of the steps, from 1.
  Now at(int64_t step) {
    const auto value = [&](CurveWalk& curve) { return curve.at(step, step - 1, step); };
    Now now{.step = step, .lr = value(lr_), .mtp_lambda = value(mtp_lambda_)};
    now.bias_gamma = value(bias_gamma_);
    now.dense = value(dense_);
    now.difficulty_min = static_cast<int>(std::lround(value(difficulty_min_)));
    now.difficulty_max = static_cast<int>(std::lround(value(difficulty_max_)));
    return now;
  }

 private:
  Length total_;
  CurveWalk lr_, mtp_lambda_, bias_gamma_, dense_, difficulty_min_, difficulty_max_;
};

class RlRun {
 public:
  explicit RlRun(const RlCall& call)
      : call_(call), config_(call.config), directory_(call.directory), observer_(*call.observer) {}

  // However the attempt ends, the ledger says so.
  Result<RlResult> execute() {
    auto result = attempt();
    if (!ledger_) return result;
    if (!result.ok()) {
      ledger_->fail(result.message(), place());
      return result;
    }
    const bool stopped = result.value().end == RunEnd::kStopped;
    FATHOM_RETURN_IF_ERROR(ledger_->finish(stopped ? "stopped" : "finished", place()));
    return result;
  }

 private:
  Result<RlResult> attempt() {
    FATHOM_RETURN_IF_ERROR(open());
    while (state_.step < config_.train.steps) {
      FATHOM_ASSIGN_OR_RETURN(const bool whole, step(schedule_->at(state_.step + 1)));
      if (!whole) return stopped();
    }
    FATHOM_RETURN_IF_ERROR(write_report(directory_));
    return result(RunEnd::kFinished);
  }

  // ---- What the run stands on ----

  Status open() {
    if (config_.train.threads > 0) set_num_threads(static_cast<int>(config_.train.threads));
    FATHOM_ASSIGN_OR_RETURN(lock_, RunLock::take(directory_));
    FATHOM_ASSIGN_OR_RETURN(newest_, find_run_start(directory_, call_.resume));
    FATHOM_RETURN_IF_ERROR(open_problems());
    FATHOM_RETURN_IF_ERROR(open_model());
    FATHOM_RETURN_IF_ERROR(open_ledger());
    FATHOM_RETURN_IF_ERROR(open_state());
    FATHOM_RETURN_IF_ERROR(open_engine());
    FATHOM_RETURN_IF_ERROR(write_settings());
    FATHOM_ASSIGN_OR_RETURN(log_, RunLog::open(directory_.log(), state_.step));
    tell_start();
    begin_ = last_checkpoint_ = RlClock::now();
    return {};
  }

  Status open_problems() {
    FATHOM_ASSIGN_OR_RETURN(tokenizer_, call_.open_tokenizer
                                            ? call_.open_tokenizer(config_.tokenizer)
                                            : Tokenizer::open(config_.tokenizer));
    FATHOM_ASSIGN_OR_RETURN(ChatFormat format,
                            ChatFormat::of(tokenizer_, config_.tokenizer.string()));
    format_.emplace(std::move(format));
    FATHOM_ASSIGN_OR_RETURN(ProblemSet problems,
                            call_.open_problems ? call_.open_problems()
                                                : ProblemSet::open(config_.problems.environments));
    problems_.emplace(std::move(problems));
    return {};
  }

  TrainOptions train_options() const {
    TrainOptions options;
    options.compute = config_.train.compute;
    options.numerics = config_.rollout.numerics;
    options.recompute = config_.train.recompute;
    options.mtp_detached = true;
    return options;
  }

  Status open_model() {
    // A run that goes on brings its own copy of the model.
    FATHOM_ASSIGN_OR_RETURN(const auto checkpoint,
                            open_checkpoint(newest_ ? *newest_ : config_.model.init_from));
    FATHOM_ASSIGN_OR_RETURN(model_, TrainerModel::from_checkpoint(*checkpoint, train_options()));
    const ModelConfig& model = model_->config();
    if (tokenizer_->vocab_size() > model.vocab_size) {
      return Status::error(
          fmt::format("{}: a tokenizer of at most vocab_size {} tokens wanted, {} found",
                      config_.tokenizer.string(), model.vocab_size, tokenizer_->vocab_size()));
    }
    if (config_.rollout.max_answer_tokens >= model.max_position_embeddings) {
      return Status::error(fmt::format(
          "{}: rollout.max_answer_tokens below max_position_embeddings {} wanted, {} found",
          call_.where, model.max_position_embeddings, config_.rollout.max_answer_tokens));
    }
    optimizer_ = std::make_unique<Optimizer>(model_->parameters(), config_.train.adamw);
    FATHOM_RETURN_IF_ERROR(open_teacher());
    return open_reference();
  }

  // Of any shape; of the policy's vocabulary.
  Status open_teacher() {
    if (config_.model.teacher.empty()) return {};
    FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(config_.model.teacher));
    FATHOM_ASSIGN_OR_RETURN(teacher_, TrainerModel::from_checkpoint(*checkpoint, train_options()));
    const int64_t wanted = model_->config().vocab_size, found = teacher_->config().vocab_size;
    if (wanted == found) return {};
    return Status::error(fmt::format("{}: a teacher of the policy's {} tokens wanted, {} found",
                                     config_.model.teacher.string(), wanted, found));
  }

  Status open_reference() {
    if (config_.rl.loss.kl_beta == 0) return {};
    fs::path from = config_.model.reference;
    if (from.empty()) from = newest_ ? *newest_ : config_.model.init_from;
    FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(from));
    FATHOM_ASSIGN_OR_RETURN(reference_,
                            TrainerModel::from_checkpoint(*checkpoint, train_options()));
    const auto &own = model_->parameters(), &its = reference_->parameters();
    for (size_t i = 0; i < std::max(own.size(), its.size()); ++i) {
      const bool both = i < own.size() && i < its.size();
      if (both && own[i].name == its[i].name && own[i].value.size() == its[i].value.size())
        continue;
      const Parameter& p = i < own.size() ? own[i] : its[i];
      return Status::error(
          fmt::format("{}: a reference of the policy's shape wanted, another one found at {}",
                      from.string(), p.name));
    }
    return {};
  }

  std::vector<OptimizerTensor> reference_tensors() {
    std::vector<OptimizerTensor> tensors;
    if (!reference_) return tensors;
    for (const Parameter& p : reference_->parameters())
      tensors.push_back({"ref." + p.name, DType::kF32, p.value.size(), p.value.data()});
    return tensors;
  }

  RunPlace place() const { return {.step = state_.step, .tokens = state_.tokens}; }

  Status open_ledger() {
    RunLedgerStart start;
    start.directory = directory_;
    start.config_hash = sha256_hex(write_rl_config(config_) + write_model_config(model_->config()));
    start.commit = call_.commit;
    start.watts = config_.watts;
    if (newest_) {
      FATHOM_ASSIGN_OR_RETURN(const RunState state, read_snapshot_state(*newest_));
      start.step = state.step;
    }
    FATHOM_ASSIGN_OR_RETURN(ledger_, RunLedger::begin(start));
    return ledger_->next(LedgerKind::kPhase, "start-up", place());
  }

  // What a run must not change on its way.
  std::map<std::string, std::string> identity() const {
    std::string environments;
    for (const MixPart& part : config_.problems.environments)
      environments += fmt::format("{} {} ", part.name, part.weight);
    return {{"model config", checksum_hex(checksum(write_model_config(model_->config())))},
            {"problems.environments", environments},
            {"problems.seed", fmt::format("{}", config_.problems.seed)},
            {"train.seed", fmt::format("{}", config_.train.seed)},
            {"a KL term", reference_ ? "yes" : "no"}};
  }

  Status open_state() {
    if (newest_) {
      FATHOM_ASSIGN_OR_RETURN(state_, read_snapshot_state(*newest_));
      for (const auto& [name, now] : identity()) {
        if (state_.identity[name] == now) continue;
        return Status::error(fmt::format("{}: {} as the run began with ({}) wanted, {} found",
                                         call_.where, name, state_.identity[name], now));
      }
      FATHOM_RETURN_IF_ERROR(load_snapshot(*newest_, *model_, *optimizer_, reference_tensors()));
      if (reference_) reference_->weights_changed();
      saved_step_ = state_.step;
    }
    state_.identity = identity();
    seconds_before_ = state_.seconds;
    schedule_ = std::make_unique<RlSchedule>(config_);
    for (int64_t s = 1; s <= state_.step; ++s) schedule_->at(s);
    return {};
  }

  // The rollouts' weights where they are not to be the trainer's.
  Status open_noisy() {
    const RolloutNoise noise = config_.lab.noise;
    if (noise != RolloutNoise::kFp8 && noise != RolloutNoise::kRouting) return {};
    TrainOptions options = train_options();
    options.fp8 = noise == RolloutNoise::kFp8;
    FATHOM_ASSIGN_OR_RETURN(noisy_, TrainerModel::create(model_->config(), 0, options));
    refresh_noisy(state_.step + 1);
    return {};
  }

  // Before the rollouts of a step.
  void refresh_noisy(int64_t step) {
    if (!noisy_) return;
    copy_weights(*noisy_, *model_);
    const double spread = config_.lab.noise == RolloutNoise::kRouting ? config_.lab.routing_std : 0;
    const auto seed = static_cast<uint64_t>(config_.train.seed);
    const Rng rng(seed, kRoutingNoiseStreams + static_cast<uint64_t>(step));
    uint64_t draw = 0;
    for (Parameter& p : noisy_->parameters()) {
      for (int64_t i = 0; p.router_bias && spread > 0 && i < p.value.size(); ++i)
        p.value[i] += static_cast<float>(spread * rng.normal(draw++));
    }
    noisy_->weights_changed();
    if (engine_) engine_->model().vectors_changed();
  }

  static void copy_weights(TrainerModel& to, TrainerModel& from) {
    for (size_t i = 0; i < to.parameters().size(); ++i) {
      const View<float> source = from.parameters()[i].value;
      std::copy(source.data(), source.data() + source.size(), to.parameters()[i].value.data());
    }
  }

  Status open_engine() {
    FATHOM_RETURN_IF_ERROR(open_noisy());
    EngineParts parts;
    parts.where = config_.model.init_from.string();
    parts.checkpoint = (noisy_ ? noisy_ : model_)->live_checkpoint();
    parts.tokenizer = tokenizer_;
    parts.eos_ids = {tokenizer_->eos_id()};
    ModelOptions options;
    options.numerics = config_.rollout.numerics;
    options.compute = config_.train.compute;
    if (config_.lab.noise == RolloutNoise::kKernel)
      options.compute = options.compute == Compute::kBf16 ? Compute::kF32 : Compute::kBf16;
    FATHOM_ASSIGN_OR_RETURN(parts.model, Model::open(parts.checkpoint, options));
    FATHOM_ASSIGN_OR_RETURN(engine_, Engine::create(std::move(parts), {.model = options}));
    return {};
  }

  Status write_settings() {
    const std::string text = write_rl_config(config_);
    auto before = read_file(directory_.run_toml());
    if (newest_ && before.ok()) changes_ = changed_settings(before.value(), text);
    FATHOM_RETURN_IF_ERROR(
        write_file_atomic(directory_.config_json(), write_model_config(model_->config())));
    return write_file_atomic(directory_.run_toml(), text);
  }

  void tell_start() {
    RlStart start;
    for (const Parameter& p : model_->parameters()) {
      if (!p.router_bias) start.n_parameters += p.value.size();
    }
    start.steps = config_.train.steps;
    start.step = state_.step;
    start.has_reference = reference_ != nullptr;
    start.resumed_from = newest_;
    start.changes = changes_;
    observer_.on_start(start);
  }

  // ---- One step ----

  bool stop_asked() const {
    return call_.stop != nullptr && call_.stop->load(std::memory_order_relaxed);
  }

  // False: the run is to stop, and this step has not happened.
  Result<bool> step(const RlSchedule::Now& now) {
    if (stop_asked()) return false;
    const RlClock::time_point begin = RlClock::now();
    RlStepRecord r;
    r.step = now.step;
    FATHOM_ASSIGN_OR_RETURN(const RolloutStep rollouts, sample(now));
    rollouts.describe(r);
    FATHOM_ASSIGN_OR_RETURN(const UpdateStats update, update_by(rollouts, now));
    if (update.stopped) return false;
    describe(r, update, now);
    state_.step = now.step;
    state_.tokens += update.n_tokens;
    state_.cursor.slot = now.step;
    if (config_.rl.reference_every > 0 && now.step % config_.rl.reference_every == 0)
      replace_reference();
    FATHOM_RETURN_IF_ERROR(evaluate(r));
    r.tokens = state_.tokens;
    r.step_seconds = rl_seconds_since(begin);
    r.seconds = state_.seconds = seconds_before_ + rl_seconds_since(begin_);
    FATHOM_RETURN_IF_ERROR(write_records(rollouts));
    FATHOM_RETURN_IF_ERROR(log_->append(to_json(r)));
    smooth_seconds_ =
        smooth_seconds_ == 0 ? r.step_seconds : 0.9 * smooth_seconds_ + 0.1 * r.step_seconds;
    observer_.on_step(r, smooth_seconds_ * static_cast<double>(config_.train.steps - now.step));
    last_ = std::move(r);
    if (checkpoint_due()) FATHOM_RETURN_IF_ERROR(checkpoint());
    return true;
  }

  Result<RolloutStep> sample(const RlSchedule::Now& now) {
    RolloutPlan plan;
    plan.step = now.step;
    refresh_noisy(now.step);
    plan.weight_version = optimizer_->steps();
    plan.recorded = is_recorded(now.step);
    plan.dense = now.dense;
    plan.difficulty_min = now.difficulty_min;
    plan.difficulty_max = now.difficulty_max;
    // At half of the context, as the answers grow through it.
    const double flops = forward_flops(model_->config(), engine_->n_ctx() / 2).total;
    int64_t n_before = 0;
    const PartListener listener = [&](const char* part, const RolloutStats& so_far) {
      const int64_t n = so_far.n_prefill_tokens + so_far.n_decode_tokens;
      if (n > n_before)
        ledger_->did(n - n_before, flops * static_cast<double>(n - n_before), kForwardFlops);
      n_before = n;
      return ledger_->part(part, now.step, place());
    };
    auto step = sample_step(*engine_, *format_, *problems_, config_, plan, listener);
    if (!step.ok()) return Status::error(fmt::format("step {}: {}", now.step, step.message()));
    return step;
  }

  Result<UpdateStats> update_by(const RolloutStep& rollouts, const RlSchedule::Now& now) {
    FATHOM_RETURN_IF_ERROR(ledger_->part("update", now.step, place()));
    const RlClock::time_point begin = RlClock::now();
    UpdateOptions how;
    how.loss = config_.rl.loss;
    how.minibatches = config_.rl.minibatches;
    how.micro_batch_tokens = config_.train.micro_batch_tokens;
    how.max_answer_tokens = config_.rollout.max_answer_tokens;
    how.lr = now.lr;
    how.mtp_lambda = model_->config().num_nextn_predict_layers > 0 ? now.mtp_lambda : 0;
    how.bias_gamma = now.bias_gamma;
    how.bias_recentre = config_.train.bias_recentre;
    how.teacher_weight = teacher_ ? config_.rl.teacher_weight : 0;
    how.exact = config_.exact();
    version_ = optimizer_->steps();
    auto update = update_policy(
        *model_, *optimizer_, reference_.get(), teacher_.get(), rollouts.rows(config_.rl), how,
        [&] { engine_->model().vectors_changed(); }, [&] { return stop_asked(); });
    if (!update.ok()) {
      return Status::error(
          fmt::format("step {}: {}; {}", now.step, update.message(),
                      newest_ ? fmt::format("the last good checkpoint is {}", newest_->string())
                              : std::string("there is no checkpoint yet")));
    }
    const UpdateStats& u = update.value();
    ledger_->did(u.n_tokens,
                 model_->flops_per_token(engine_->n_ctx() / 2) * static_cast<double>(u.n_tokens) +
                     forward_flops(model_->config(), engine_->n_ctx() / 2).total *
                         static_cast<double>(u.n_forward_tokens),
                 kTrainStepFlops);
    update_seconds_ = rl_seconds_since(begin);
    return update;
  }

  void describe(RlStepRecord& r, const UpdateStats& u, const RlSchedule::Now& now) const {
    const double n = std::max<double>(1, static_cast<double>(u.grpo.n_tokens));
    r.loss = u.loss;
    r.loss_mtp = u.loss_mtp;
    r.grad_norm = u.grad_norm;
    if (reference_) r.kl = u.grpo.kl_sum / n;
    if (teacher_) r.teacher_kl = u.teacher_kl;
    r.clipped = static_cast<double>(u.grpo.n_clipped) / n;
    r.masked = static_cast<double>(u.grpo.n_masked) / n;
    r.ratio_min = u.first_ratio_min;
    r.ratio_max = u.first_ratio_max;
    if (u.n_updates > 0) {
      r.ratio_min_after = u.grpo.ratio_min;
      r.ratio_max_after = u.grpo.ratio_max;
    }
    r.logp_mismatch_max = u.mismatch_max;
    r.lr = now.lr;
    r.dense = now.dense;
    r.difficulty_min = now.difficulty_min;
    r.difficulty_max = now.difficulty_max;
    r.weight_version = version_;
    r.router = router_telemetry(u.loads, model_->parameters());
    r.seconds_update = update_seconds_;
    r.update_tokens_per_s =
        update_seconds_ > 0 ? static_cast<double>(u.n_tokens) / update_seconds_ : 0;
  }

  void replace_reference() {
    if (!reference_) return;
    copy_weights(*reference_, *model_);
    reference_->weights_changed();
  }

  Status evaluate(RlStepRecord& r) {
    if (config_.eval.every == 0 ||
        (r.step % config_.eval.every != 0 && r.step != config_.train.steps))
      return {};
    FATHOM_RETURN_IF_ERROR(ledger_->next(LedgerKind::kEvaluation, "", place()));
    const RlClock::time_point begin = RlClock::now();
    EvaluateOptions how;
    for (const MixPart& s : config_.eval.splits) how.splits.push_back(read_split(s.name).value());
    how.n_problems = config_.eval.problems;
    how.difficulty_min = static_cast<int>(config_.eval.difficulty_min);
    how.difficulty_max =
        static_cast<int>(std::max(config_.eval.difficulty_min, config_.eval.difficulty_max));
    how.max_answer_tokens = config_.rollout.max_answer_tokens;
    how.n_slots = config_.rollout.slots;
    how.seed = static_cast<uint64_t>(config_.problems.seed);
    FATHOM_ASSIGN_OR_RETURN(r.evaluation, evaluate_problems(*engine_, *format_, *problems_, how));
    int64_t tokens = 0;
    for (const EvaluateRow& row : r.evaluation) tokens += row.n_answer_tokens;
    ledger_->evaluated(tokens, forward_flops(model_->config(), engine_->n_ctx() / 2).total *
                                   static_cast<double>(tokens));
    r.seconds_evaluation = rl_seconds_since(begin);
    return {};
  }

  bool is_recorded(int64_t step) const {
    const int64_t every = config_.rollout.record_every;
    return every > 0 && (step == 1 || step % every == 0);
  }

  Status write_records(const RolloutStep& rollouts) {
    if (!is_recorded(state_.step)) return {};
    return write_rollout_records(directory_.root / "rollouts", state_.step, rollouts, *tokenizer_,
                                 config_.rollout.record_keep);
  }

  // ---- Checkpoints and the end ----

  bool checkpoint_due() const {
    const RlConfig::CheckpointSection& c = config_.checkpoint;
    return state_.step == config_.train.steps || (c.every > 0 && state_.step % c.every == 0) ||
           (c.minutes > 0 && rl_seconds_since(last_checkpoint_) >= 60 * c.minutes);
  }

  // The lines of a step are on the disk before its checkpoint is.
  Status checkpoint() {
    FATHOM_RETURN_IF_ERROR(log_->sync());
    FATHOM_RETURN_IF_ERROR(ledger_->next(LedgerKind::kCheckpoint, "", place()));
    FATHOM_RETURN_IF_ERROR(ledger_->sync());
    SnapshotParts parts;
    parts.model = model_.get();
    parts.optimizer = optimizer_.get();
    parts.state = state_;
    parts.tokenizer = config_.tokenizer;
    parts.write_weights = write_trained_checkpoint;
    parts.others = reference_tensors();
    FATHOM_ASSIGN_OR_RETURN(
        newest_, write_snapshot(directory_.checkpoints(), parts, config_.checkpoint.keep));
    saved_step_ = state_.step;
    observer_.on_checkpoint(*newest_);
    last_checkpoint_ = RlClock::now();
    return write_report(directory_);
  }

  Result<RlResult> stopped() {
    if (state_.step > 0 && saved_step_ != state_.step) FATHOM_RETURN_IF_ERROR(checkpoint());
    return result(RunEnd::kStopped);
  }

  RlResult result(RunEnd end) const {
    RlResult r;
    r.end = end;
    r.step = state_.step;
    r.steps = config_.train.steps;
    if (newest_) r.checkpoint = *newest_;
    r.last = last_;
    return r;
  }

  const RlCall& call_;
  const RlConfig& config_;
  const RunDirectory& directory_;
  RlObserver& observer_;
  std::unique_ptr<RunLock> lock_;
  std::optional<fs::path> newest_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::optional<ChatFormat> format_;
  std::optional<ProblemSet> problems_;
  std::unique_ptr<TrainerModel> model_, reference_, teacher_, noisy_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<RlSchedule> schedule_;
  std::unique_ptr<RunLog> log_;
  std::unique_ptr<RunLedger> ledger_;
  std::vector<std::string> changes_;
  RunState state_;  // after the last whole step
  int64_t version_ = 0, saved_step_ = -1;
  double update_seconds_ = 0, seconds_before_ = 0, smooth_seconds_ = 0;
  RlClock::time_point begin_, last_checkpoint_;
  std::optional<RlStepRecord> last_;
};

}  // namespace

Result<RlResult> run_rl(const RlCall& call) {
  FATHOM_CHECK(call.observer != nullptr);
  return RlRun(call).execute();
}

}  // namespace fathom
