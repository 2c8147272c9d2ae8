// See snapshot.h. A checkpoint is written under a name that begins with a dot, synced, and renamed;
// a checkpoint that goes is renamed to such a name before it is removed.
#include "train/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "train/checksum.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;
constexpr const char* kPrefix = "step-";

Status sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) {
    const Status error =
        Status::error(fmt::format("{}: cannot write: {}", path.string(), std::strerror(errno)));
    if (fd >= 0) ::close(fd);
    return error;
  }
  ::close(fd);
  return {};
}

// -1: not the name of a checkpoint.
int64_t step_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) return -1;
  int64_t step = -1;
  const char *begin = name.data() + std::strlen(kPrefix), *end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(begin, end, step);
  return error == std::errc() && rest == end ? step : -1;
}

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    paths.push_back(it->path());
  return paths;
}

// Oldest first.
std::vector<fs::path> snapshots(const fs::path& directory) {
  std::vector<fs::path> paths = entries(directory);
  std::erase_if(paths, [](const fs::path& p) { return step_of(p) < 0; });
  std::sort(paths.begin(), paths.end(),
            [](const fs::path& a, const fs::path& b) { return step_of(a) < step_of(b); });
  return paths;
}

std::string state_text(const RunState& s, int64_t optimizer_steps, uint64_t tensors) {
  const nlohmann::ordered_json j = {{"format", kFormat},
                                    {"step", s.step},
                                    {"tokens", s.tokens},
                                    {"cursor",
                                     {{"epoch", s.cursor.epoch},
                                      {"slot", s.cursor.slot},
                                      {"offset", s.cursor.offset},
                                      {"carry", s.cursor.carry}}},
                                    {"optimizer_steps", optimizer_steps},
                                    {"loss_mean", s.loss_mean},
                                    {"seconds", s.seconds},
                                    {"identity", s.identity},
                                    {"state_safetensors_xxh3", checksum_hex(tensors)}};
  return j.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

struct StateFile {
  RunState state;
  int64_t optimizer_steps = 0;
  std::string tensors;  // checksum
};

Result<StateFile> read_state_file(const fs::path& snapshot) {
  const fs::path path = snapshot / "state.json";
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  try {
    const json j = json::parse(text);
    if (j.at("format") != kFormat) {
      return Status::error(fmt::format("{}: format {} wanted, {} found", path.string(), kFormat,
                                       j.at("format").dump()));
    }
    StateFile f;
    f.state.step = j.at("step");
    f.state.tokens = j.at("tokens");
    const json& c = j.at("cursor");
    f.state.cursor = {c.at("epoch"), c.at("slot"), c.at("offset"), c.at("carry")};
    f.state.loss_mean = j.at("loss_mean");
    f.state.seconds = j.at("seconds");
    f.state.identity = j.at("identity");
    f.optimizer_steps = j.at("optimizer_steps");
    f.tensors = j.at("state_safetensors_xxh3");
    return f;
  } catch (const std::exception& e) {
    return Status::error(
        fmt::format("{}: the state of a run wanted, found: {}", path.string(), e.what()));
  }
}

// Every number that the run would miss, in a fixed order. Parameters are named by "p.".
std::vector<OptimizerTensor> state_tensors(TrainerModel& model, Optimizer& optimizer,
                                           const std::vector<OptimizerTensor>& others) {
  std::vector<OptimizerTensor> tensors;
  for (const Parameter& p : model.parameters()) {
    tensors.push_back({"p." + p.name, DType::kF32, p.value.size(), p.value.data()});
  }
  for (OptimizerTensor& t : optimizer.state()) tensors.push_back(std::move(t));
  tensors.insert(tensors.end(), others.begin(), others.end());
  return tensors;
}

Status copy_whole(const fs::path& from, const fs::path& to) {
  FATHOM_ASSIGN_OR_RETURN(auto file, MappedFile::open(from));
  return write_file_atomic(
      to, {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
}

Status copy_tokenizer(const fs::path& from, const fs::path& to) {
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                           "generation_config.json"}) {
    std::error_code error;
    if (fs::exists(from / name, error)) FATHOM_RETURN_IF_ERROR(copy_whole(from / name, to / name));
  }
  return {};
}

Status write_average(const fs::path& directory, const SnapshotParts& parts) {
  std::error_code error;
  fs::create_directory(directory, error);
  if (error)
    return Status::error(fmt::format("{}: cannot create: {}", directory.string(), error.message()));
  parts.optimizer->swap_ema();
  Status written = parts.write_weights(directory, *parts.model);
  parts.optimizer->swap_ema();
  FATHOM_RETURN_IF_ERROR(written);
  FATHOM_RETURN_IF_ERROR(copy_tokenizer(parts.tokenizer, directory));
  return sync_directory(directory);
}

Status write_parts(const fs::path& directory, const SnapshotParts& parts) {
  FATHOM_RETURN_IF_ERROR(parts.write_weights(directory, *parts.model));
  FATHOM_RETURN_IF_ERROR(copy_tokenizer(parts.tokenizer, directory));
  if (parts.optimizer->options().ema_decay > 0)
    FATHOM_RETURN_IF_ERROR(write_average(directory / "ema", parts));
  std::vector<TensorToWrite> tensors;
  for (const OptimizerTensor& t : state_tensors(*parts.model, *parts.optimizer, parts.others)) {
    tensors.push_back({t.name, t.dtype, {t.size}, t.data});
  }
  const fs::path state = directory / "state.safetensors";
  FATHOM_RETURN_IF_ERROR(write_safetensors(state, tensors));
  FATHOM_ASSIGN_OR_RETURN(const uint64_t sum, file_checksum(state));
  FATHOM_RETURN_IF_ERROR(write_file_atomic(directory / "state.json",
                                           state_text(parts.state, parts.optimizer->steps(), sum)));
  return sync_directory(directory);
}

void remove_snapshot(const fs::path& path) {
  std::error_code error;
  const fs::path hidden = path.parent_path() / ("." + path.filename().string() + ".old");
  fs::remove_all(hidden, error);
  fs::rename(path, hidden, error);
  if (!error) fs::remove_all(hidden, error);
}

}  // namespace

Result<fs::path> write_snapshot(const fs::path& checkpoints, const SnapshotParts& parts,
                                int64_t keep) {
  const std::string name = fmt::format("{}{:08}", kPrefix, parts.state.step);
  const fs::path part = checkpoints / ("." + name + ".part"), final = checkpoints / name;
  std::error_code error;
  fs::remove_all(part, error);
  fs::create_directories(part, error);
  if (error)
    return Status::error(fmt::format("{}: cannot create: {}", part.string(), error.message()));
  Status written = write_parts(part, parts);
  if (written.ok()) {
    fs::rename(part, final, error);
    if (error)
      written =
          Status::error(fmt::format("{}: cannot create: {}", final.string(), error.message()));
  }
  if (!written.ok()) {
    fs::remove_all(part, error);
    return Status::error(
        fmt::format("the checkpoint of step {} was not written, earlier ones stand: {}",
                    parts.state.step, written.message()));
  }
  FATHOM_RETURN_IF_ERROR(sync_directory(checkpoints));
  const std::vector<fs::path> all = snapshots(checkpoints);
  for (size_t i = 0; i + keep < all.size(); ++i) remove_snapshot(all[i]);
  return final;
}

std::optional<fs::path> newest_snapshot(const fs::path& checkpoints) {
  const std::vector<fs::path> all = snapshots(checkpoints);
  if (all.empty()) return std::nullopt;
  return all.back();
}

void clean_snapshots(const fs::path& checkpoints) {
  std::error_code ignored;
  for (const fs::path& path : entries(checkpoints)) {
    if (path.filename().string().starts_with(std::string(".") + kPrefix))
      fs::remove_all(path, ignored);
  }
}

Result<RunState> read_snapshot_state(const fs::path& snapshot) {
  FATHOM_ASSIGN_OR_RETURN(StateFile f, read_state_file(snapshot));
  return std::move(f.state);
}

Status load_snapshot(const fs::path& snapshot, TrainerModel& model, Optimizer& optimizer,
                     const std::vector<OptimizerTensor>& others) {
  FATHOM_ASSIGN_OR_RETURN(const StateFile f, read_state_file(snapshot));
  const fs::path path = snapshot / "state.safetensors";
  FATHOM_ASSIGN_OR_RETURN(const uint64_t sum, file_checksum(path));
  if (checksum_hex(sum) != f.tensors) {
    return Status::error(fmt::format("{}: checksum {} wanted, {} found: the file is damaged",
                                     path.string(), f.tensors, checksum_hex(sum)));
  }
  FATHOM_ASSIGN_OR_RETURN(auto file, SafetensorsFile::open(path));
  const std::vector<OptimizerTensor> tensors = state_tensors(model, optimizer, others);
  for (const OptimizerTensor& t : tensors) {
    const auto found = file->tensors().find(t.name);
    const int64_t n_bytes = t.size * dtype_bytes(t.dtype);
    if (found == file->tensors().end() || found->second.dtype != t.dtype ||
        found->second.n_bytes != n_bytes) {
      return Status::error(fmt::format("{}: {}: {} numbers of {} wanted, {} found", path.string(),
                                       t.name, t.size, dtype_name(t.dtype),
                                       found == file->tensors().end()
                                           ? "none"
                                           : fmt::format("{} bytes of {}", found->second.n_bytes,
                                                         dtype_name(found->second.dtype))));
    }
  }
  for (const OptimizerTensor& t : tensors) {
    std::memcpy(t.data, file->tensors().find(t.name)->second.data, t.size * dtype_bytes(t.dtype));
  }
  optimizer.set_steps(f.optimizer_steps);
  model.weights_changed();
  return {};
}

}  // namespace fathom
