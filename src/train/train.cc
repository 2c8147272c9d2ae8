// See train.h. What a step computes depends on the state at its begin and on the run's settings
// alone; times go into the log and decide when a checkpoint is written, never what is computed.
#include "train/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/threads.h"
#include "checkpoint/checkpoint.h"
#include "cost/flops.h"
#include "device/measure.h"
#include "train/checksum.h"
#include "train/data/validation_set.h"
#include "train/optimizer.h"
#include "train/report.h"
#include "train/run_ledger.h"
#include "train/run_log.h"
#include "train/snapshot.h"
#include "train/text_source.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

uint64_t tokenizer_hash(const fs::path& directory) {
  std::string all;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    auto text = read_file(directory / name);
    all += fmt::format("{} {:016x}\n", name, text.ok() ? checksum(text.value()) : 0);
  }
  return checksum(all);
}

// The best of several short measurements: another process may have the processor during some of
// them.
double measured_peak(Compute compute) {
  const auto best_of = [](double (*measure)(double)) {
    double best = 0;
    for (int i = 0; i < 6; ++i) best = std::max(best, measure(0.03));
    return best;
  };
  // bf16 is widened to f32 where that is faster than a dot product of its own.
  return std::max(best_of(measure_peak_f32),
                  compute == Compute::kBf16 ? best_of(measure_peak_bf16) : 0);
}

// What the micro-batches of a step sum to.
struct StepSums {
  TrainStats stats;
  int64_t tokens = 0;
  double flops = 0;
};

class Run {
 public:
  explicit Run(const TrainCall& call)
      : call_(call), config_(call.config), directory_(call.directory), observer_(*call.observer) {
    source_ = call.make_source ? call.make_source() : make_text_source();
  }

  // However the attempt ends, the ledger says so.
  Result<TrainResult> execute() {
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
  Result<TrainResult> attempt() {
    FATHOM_RETURN_IF_ERROR(open());
    FATHOM_RETURN_IF_ERROR(ledger_->next(LedgerKind::kPhase, "training", place()));
    for (; !schedule_->done(); schedule_->advance()) {
      FATHOM_ASSIGN_OR_RETURN(const bool whole, step(schedule_->now()));
      if (!whole) return stopped();
    }
    return finished();
  }

  // ---- What the run stands on ----

  Status open() {
    if (config_.train.threads > 0) set_num_threads(static_cast<int>(config_.train.threads));
    FATHOM_ASSIGN_OR_RETURN(lock_, RunLock::take(directory_));
    FATHOM_ASSIGN_OR_RETURN(newest_, find_run_start(directory_, call_.resume));
    FATHOM_ASSIGN_OR_RETURN(tokenizer_, call_.hooks.open_tokenizer(config_.tokenizer.path));
    FATHOM_RETURN_IF_ERROR(open_model_config());
    FATHOM_RETURN_IF_ERROR(open_ledger());
    FATHOM_RETURN_IF_ERROR(open_data());
    FATHOM_RETURN_IF_ERROR(ledger_->next(LedgerKind::kPhase, "start-up", place()));
    FATHOM_RETURN_IF_ERROR(open_state());
    FATHOM_RETURN_IF_ERROR(open_model());
    FATHOM_RETURN_IF_ERROR(write_settings());
    FATHOM_ASSIGN_OR_RETURN(log_, RunLog::open(directory_.log(), state_.step));
    tell_start();
    begin_ = last_checkpoint_ = Clock::now();
    return {};
  }

  Status open_model_config() {
    if (config_.model.init_from.empty()) {
      FATHOM_ASSIGN_OR_RETURN(model_config_, resolve_model_config(config_, call_.where));
    } else if (newest_) {
      FATHOM_ASSIGN_OR_RETURN(model_config_, read_model_config(*newest_ / "config.json"));
    } else {
      FATHOM_ASSIGN_OR_RETURN(const auto checkpoint, open_checkpoint(config_.model.init_from));
      model_config_ = checkpoint->config();
    }
    if (tokenizer_->vocab_size() > model_config_.vocab_size) {
      return Status::error(fmt::format(
          "{}: a tokenizer of at most vocab_size {} tokens wanted, {} found",
          config_.tokenizer.path.string(), model_config_.vocab_size, tokenizer_->vocab_size()));
    }
    if (config_.data.seq_len > model_config_.max_position_embeddings) {
      return Status::error(
          fmt::format("{}: data.seq_len of at most max_position_embeddings {} wanted, {} found",
                      call_.where, model_config_.max_position_embeddings, config_.data.seq_len));
    }
    return {};
  }

  // Inputs that cannot be read are refused before this and are no attempt.
  Status open_ledger() {
    RunLedgerStart start;
    start.directory = directory_;
    start.config_hash = sha256_hex(settings_text() + write_model_config(model_config_));
    start.commit = call_.commit;
    start.watts = config_.ledger.watts;
    if (newest_) {
      FATHOM_ASSIGN_OR_RETURN(const RunState state, read_snapshot_state(*newest_));
      start.step = state.step;
    }
    FATHOM_ASSIGN_OR_RETURN(ledger_, RunLedger::begin(start));
    return ledger_->next(LedgerKind::kPhase, "data", place());
  }

  RunPlace place() const { return {.step = state_.step, .tokens = state_.tokens}; }

  Status open_data() {
    SourceStart start;
    start.tokenizer = tokenizer_;
    start.tokenizer_hash = tokenizer_hash(config_.tokenizer.path);
    start.directory = directory_;
    start.resumes = newest_.has_value();
    start.progress = [&](int64_t done, int64_t total) {
      observer_.on_data(done, total);
      return !stop_asked();
    };
    return source_->open(config_, start);
  }

  std::map<std::string, std::string> identity() const {
    auto names = source_->identity();
    names["model config"] = checksum_hex(checksum(write_model_config(model_config_)));
    names["tokenizer"] = checksum_hex(tokenizer_hash(config_.tokenizer.path));
    return names;
  }

  ScheduleOptions schedule_options() const {
    ScheduleOptions options = config_.schedule();
    if (config_.train.epochs == 0) return options;
    const auto batch = static_cast<int64_t>(config_.train.batch_size.front().value);
    const int64_t n_micro = batch / config_.train.micro_batch_size;
    const int64_t all = source_->micro_batches_in(config_.train.epochs);
    options.total = {LengthUnit::kSteps, static_cast<double>((all + n_micro - 1) / n_micro)};
    return options;
  }

  Status open_state() {
    if (newest_) {
      FATHOM_ASSIGN_OR_RETURN(state_, read_snapshot_state(*newest_));
      for (const auto& [name, now] : identity()) {
        const std::string then = state_.identity[name];
        if (then == now) continue;
        return Status::error(fmt::format("{}: {} as the run began with ({}) wanted, {} found",
                                         call_.where, name, then, now));
      }
      FATHOM_RETURN_IF_ERROR(source_->seek(state_.cursor));
      saved_step_ = state_.step;
    }
    state_.identity = identity();
    state_.cursor = source_->cursor();
    seconds_before_ = state_.seconds;
    extent_ = run_extent(schedule_options());
    schedule_ = std::make_unique<Schedule>(schedule_options());
    int64_t tokens = 0;
    for (; !schedule_->done() && schedule_->now().step <= state_.step; schedule_->advance())
      tokens = schedule_->now().tokens_after;
    if (source_->tokens_are_fixed() && tokens != state_.tokens && !schedule_->done()) {
      return Status::error(fmt::format(
          "{}: train.batch_size that had {} tokens by step {} wanted, as the run has, {} found",
          call_.where, state_.tokens, state_.step, tokens));
    }
    return {};
  }

  Status open_model() {
    has_mtp_ = model_config_.num_nextn_predict_layers > 0;
    TrainOptions options;
    options.compute = config_.train.compute;
    options.fp8 = config_.train.fp8;
    options.recompute = config_.train.recompute;
    options.mtp_lambda = has_mtp_ && !schedule_->done() ? schedule_->now().mtp_lambda : 0.0;
    options.balance_alpha = config_.train.balance_alpha;
    RunConfig start = config_;
    if (newest_) start.model.init_from.clear();  // the state replaces every number
    FATHOM_ASSIGN_OR_RETURN(model_, call_.hooks.create_model(start, model_config_, options));
    optimizer_ = std::make_unique<Optimizer>(model_->parameters(), config_.train.adamw);
    return newest_ ? load_snapshot(*newest_, *model_, *optimizer_) : Status();
  }

  std::string settings_text() const {
    RunConfig resolved = config_;
    if (resolved.model.init_from.empty()) {
      resolved.model = {.config = "config.json", .init_from = {}, .keys = {}};
    }
    return write_run_config(resolved);
  }

  Status write_settings() {
    const std::string text = settings_text();
    auto before = read_file(directory_.run_toml());
    if (newest_ && before.ok()) changes_ = changed_settings(before.value(), text);
    FATHOM_RETURN_IF_ERROR(
        write_file_atomic(directory_.config_json(), write_model_config(model_config_)));
    return write_file_atomic(directory_.run_toml(), text);
  }

  void tell_start() {
    RunStart start;
    for (const Parameter& p : model_->parameters()) {
      if (!p.router_bias) start.n_parameters += p.value.size();
    }
    start.steps = extent_.steps;
    start.tokens = extent_.tokens;
    start.step = state_.step;
    start.flops_per_token = model_->flops_per_token(config_.data.seq_len);
    start.peak_measured = config_.log.peak_flops == 0;
    start.peak_flops = peak_flops_ =
        start.peak_measured ? measured_peak(config_.train.compute) : config_.log.peak_flops;
    start.data = source_->summary();
    start.resumed_from = newest_;
    start.changes = changes_;
    observer_.on_start(start);
  }

  // ---- One step ----

  bool stop_asked() const {
    return call_.stop != nullptr && call_.stop->load(std::memory_order_relaxed);
  }

  // False: the run is to stop, and this step has not happened.
  Result<bool> step(const StepPlan& plan) {
    const Clock::time_point begin = Clock::now();
    model_->options().mtp_lambda = has_mtp_ ? plan.mtp_lambda : 0.0;
    StepSums sums;
    if (!gradients(plan, sums)) return false;
    const TrainStats& stats = sums.stats;
    FATHOM_RETURN_IF_ERROR(guard_loss(plan, stats));
    const double norm = optimizer_->step(plan.lr);
    if (config_.guard.nan && !std::isfinite(norm)) {
      return guard_error(
          fmt::format("step {}: a finite gradient wanted, norm {} found", plan.step, norm));
    }
    if (std::isfinite(norm) && plan.bias_gamma > 0) {
      update_router_biases(model_->parameters(), stats, plan.bias_gamma,
                           config_.train.bias_recentre);
    }
    model_->weights_changed();
    state_.step = plan.step;
    state_.tokens += sums.tokens;
    state_.cursor = source_->cursor();
    if (std::isfinite(stats.loss_ce)) {
      state_.loss_mean =
          state_.loss_mean == 0 ? stats.loss_ce : 0.95 * state_.loss_mean + 0.05 * stats.loss_ce;
    }
    FATHOM_RETURN_IF_ERROR(record(plan, sums, norm, seconds_since(begin)));
    if (checkpoint_due()) {
      FATHOM_RETURN_IF_ERROR(checkpoint());
    } else {
      FATHOM_RETURN_IF_ERROR(ledger_->beat(place()));
    }
    return true;
  }

  // Sums the gradients of the batch. False: stopped in the midst of it.
  bool gradients(const StepPlan& plan, StepSums& sums) {
    const int64_t n = plan.batch_size / config_.train.micro_batch_size;
    model_->zero_gradients();
    source_->begin_step(n);
    for (int64_t i = 0; i < n; ++i) {
      if (stop_asked()) return false;
      const MicroBatch m = source_->next();
      accumulate(sums.stats, model_->forward_backward(m.batch, m.share), m.share);
      sums.tokens += m.n_tokens;
      sums.flops += flops_of(m);
    }
    return true;
  }

  // Of forward and backward, at the mean length of the sequences.
  double flops_of(const MicroBatch& m) const {
    return model_->flops_per_token(m.n_tokens / m.n_sequences) * static_cast<double>(m.n_tokens);
  }

  Status guard_error(const std::string& what) const {
    return Status::error(
        fmt::format("{}; {}", what,
                    newest_ ? fmt::format("the last good checkpoint is {}", newest_->string())
                            : std::string("there is no checkpoint yet")));
  }

  Status guard_loss(const StepPlan& plan, const TrainStats& stats) const {
    const RunConfig::GuardSection& guard = config_.guard;
    if (guard.nan && !std::isfinite(stats.loss_total)) {
      return guard_error(
          fmt::format("step {}: a finite loss wanted, {} found", plan.step, stats.loss_total));
    }
    const double most = guard.spike_factor * state_.loss_mean;
    if (guard.spike_factor > 0 && plan.step > guard.spike_after && stats.loss_ce > most) {
      return guard_error(fmt::format(
          "step {}: a loss of at most {:.4g} ({} times its running mean) wanted, {:.4g} found",
          plan.step, most, guard.spike_factor, stats.loss_ce));
    }
    return {};
  }

  Status record(const StepPlan& plan, const StepSums& sums, double norm, double step_seconds) {
    const TrainStats& stats = sums.stats;
    StepRecord r;
    r.step = plan.step;
    r.tokens = state_.tokens;
    r.batch_size = plan.batch_size;
    r.epochs = source_->epochs();
    r.loss_total = stats.loss_total;
    r.loss_ce = stats.loss_ce;
    r.loss_mtp = stats.loss_mtp;
    r.balance = stats.balance;
    r.grad_norm = norm;
    r.lr = plan.lr;
    r.mtp_lambda = model_->options().mtp_lambda;
    r.bias_gamma = plan.bias_gamma;
    r.router = router_telemetry(stats, model_->parameters());
    r.step_seconds = step_seconds;
    ledger_->stepped(sums.flops);
    r.tokens_per_s = static_cast<double>(sums.tokens) / step_seconds;
    r.mfu = sums.flops / step_seconds / peak_flops_;
    const bool last = plan.step == extent_.steps;
    if (last || (config_.eval.every > 0 && plan.step % config_.eval.every == 0))
      FATHOM_RETURN_IF_ERROR(evaluate(r));
    r.seconds = state_.seconds = seconds_before_ + seconds_since(begin_);
    FATHOM_RETURN_IF_ERROR(log_->append(to_json(r)));
    // As planned: a source may bring a little less than the plan's tokens.
    const double planned =
        static_cast<double>(plan.tokens_after - plan.tokens_before) / step_seconds;
    smooth_tokens_per_s_ =
        smooth_tokens_per_s_ == 0 ? planned : 0.9 * smooth_tokens_per_s_ + 0.1 * planned;
    observer_.on_step(
        r, static_cast<double>(extent_.tokens - plan.tokens_after) / smooth_tokens_per_s_);
    last_record_ = std::move(r);
    return {};
  }

  Status evaluate(StepRecord& r) {
    if (source_->n_held_out() == 0) return {};
    FATHOM_RETURN_IF_ERROR(ledger_->next(LedgerKind::kEvaluation, "", place()));
    const int64_t tokens = measure(r);
    const double flops_per_token = forward_flops(model_config_, config_.data.seq_len).total;
    ledger_->evaluated(tokens, flops_per_token * static_cast<double>(tokens));
    return ledger_->next(LedgerKind::kPhase, "training", place());
  }

  // Returns how many tokens were computed.
  int64_t measure(StepRecord& r) {
    const double lambda = std::exchange(model_->options().mtp_lambda, 0.0);
    double nll = 0, weight = 0;
    int64_t tokens = 0;
    for (int64_t i = 0; i < source_->n_held_out(); ++i) {
      observer_.on_validation(i, source_->n_held_out());
      const MicroBatch m = source_->held_out(i);
      nll += m.loss_weight * model_->forward_only(m.batch).loss_ce;
      weight += m.loss_weight;
      tokens += m.n_tokens;
    }
    model_->options().mtp_lambda = lambda;
    r.val_loss = nll / weight;
    if (source_->held_out_bytes() > 0) r.val_bpb = bits_per_byte(nll, source_->held_out_bytes());
    return tokens;
  }

  // ---- Checkpoints and the end ----

  bool checkpoint_due() const {
    const RunConfig::CheckpointSection& c = config_.checkpoint;
    return state_.step == extent_.steps || (c.every > 0 && state_.step % c.every == 0) ||
           (c.minutes > 0 && seconds_since(last_checkpoint_) >= 60 * c.minutes);
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
    parts.tokenizer = config_.tokenizer.path;
    parts.write_weights = call_.hooks.write_weights;
    FATHOM_ASSIGN_OR_RETURN(
        newest_, write_snapshot(directory_.checkpoints(), parts, config_.checkpoint.keep));
    saved_step_ = state_.step;
    observer_.on_checkpoint(*newest_);
    last_checkpoint_ = Clock::now();
    FATHOM_RETURN_IF_ERROR(write_report(directory_));
    FATHOM_RETURN_IF_ERROR(ledger_->next(LedgerKind::kPhase, "training", place()));
    return ledger_->sync();
  }

  Result<TrainResult> stopped() {
    if (state_.step > 0 && saved_step_ != state_.step) FATHOM_RETURN_IF_ERROR(checkpoint());
    return result(RunEnd::kStopped);
  }

  Result<TrainResult> finished() {
    FATHOM_RETURN_IF_ERROR(write_report(directory_));
    return result(RunEnd::kFinished);
  }

  TrainResult result(RunEnd end) const {
    TrainResult r;
    r.end = end;
    r.step = state_.step;
    r.steps = extent_.steps;
    if (newest_) r.checkpoint = *newest_;
    r.last = last_record_;
    return r;
  }

  const TrainCall& call_;
  const RunConfig& config_;
  const RunDirectory& directory_;
  TrainObserver& observer_;
  std::unique_ptr<RunLock> lock_;
  std::optional<fs::path> newest_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ModelConfig model_config_;
  std::unique_ptr<BatchSource> source_;
  std::unique_ptr<TrainerModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<RunLog> log_;
  std::unique_ptr<RunLedger> ledger_;
  std::vector<std::string> changes_;
  RunState state_;  // after the last whole step
  RunExtent extent_;
  bool has_mtp_ = false;
  double peak_flops_ = 0;
  double seconds_before_ = 0, smooth_tokens_per_s_ = 0;
  int64_t saved_step_ = -1;
  Clock::time_point begin_, last_checkpoint_;
  std::optional<StepRecord> last_record_;
};

}  // namespace

Result<TrainResult> train(const TrainCall& call) {
  FATHOM_CHECK(call.observer != nullptr);
  return Run(call).execute();
}

}  // namespace fathom
