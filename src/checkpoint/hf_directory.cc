#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "checkpoint/hf_directory_impl.h"
#include "checkpoint/safetensors.h"
#include "quant/formats.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kScaleSuffix = "_scale_inv";

class HfDirectory : public CheckpointReader {
 public:
  explicit HfDirectory(fs::path path) : path_(std::move(path)) {}
  Status open();

  const ModelConfig& config() const override { return config_; }
  const fs::path& path() const override { return path_; }
  std::vector<std::string> names() const override;
  bool contains(std::string_view name) const override { return find(name) != nullptr; }
  Result<Weight> weight(std::string_view name) const override;
  int64_t bytes_on_disk() const override;
  std::string file_of(std::string_view name) const override;
  std::vector<std::string> notes() const override { return notes_; }

 private:
  struct Place {
    const StoredTensor* tensor;
    const std::string* file;
  };

  Status open_file(const std::string& name);
  Status open_indexed();
  Status open_all();
  Status check_shard_numbers(const std::vector<std::string>& files) const;
  void settle_mtp();
  Status check_parameter(const ParameterSpec& spec) const;
  Status check_scales(std::string_view name, const StoredTensor& weight) const;
  const Place* find(std::string_view name) const;
  Status wrong(std::string_view name, const std::string& wanted, const std::string& found) const;

  fs::path path_;
  ModelConfig config_;
  std::map<std::string, std::shared_ptr<SafetensorsFile>> files_;
  std::map<std::string, Place, std::less<>> places_;
  std::vector<std::string> notes_;
};

const HfDirectory::Place* HfDirectory::find(std::string_view name) const {
  const auto it = places_.find(name);
  return it == places_.end() ? nullptr : &it->second;
}

std::string HfDirectory::file_of(std::string_view name) const {
  if (const Place* p = find(name)) return *p->file;
  // A tensor that is nowhere: the file that should have told of it.
  if (fs::exists(path_ / kSafetensorsIndex)) return kSafetensorsIndex;
  return files_.size() == 1 ? files_.begin()->first : path_.filename().string();
}

Status HfDirectory::wrong(std::string_view name, const std::string& wanted,
                          const std::string& found) const {
  return Status::error(
      fmt::format("{}: {}: {} wanted, {} found", file_of(name), name, wanted, found));
}

Status HfDirectory::open_file(const std::string& name) {
  FATHOM_ASSIGN_OR_RETURN(auto file, SafetensorsFile::open(path_ / name));
  files_.emplace(name, std::move(file));
  return {};
}

Status HfDirectory::open_indexed() {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path_ / kSafetensorsIndex));
  FATHOM_ASSIGN_OR_RETURN(const auto map, parse_weight_map(text, kSafetensorsIndex));
  for (const auto& [name, file] : map) {
    if (files_.count(file)) continue;
    if (!fs::exists(path_ / file)) {
      return Status::error(fmt::format("{}: {}: file {} wanted, none found", kSafetensorsIndex, name, file));
    }
    FATHOM_RETURN_IF_ERROR(open_file(file));
  }
  for (const auto& [name, file] : map) {
    const auto shard = files_.find(file);
    const auto it = shard->second->tensors().find(name);
    if (it == shard->second->tensors().end()) {
      return Status::error(
          fmt::format("{}: {}: this tensor wanted, as {} says, none found", file, name, kSafetensorsIndex));
    }
    places_[name] = {&it->second, &shard->first};
  }
  // What the shards hold beyond the index (FP8 scales of some converters) counts too.
  for (const auto& [file, shard] : files_) {
    for (const auto& [name, tensor] : shard->tensors())
      places_.try_emplace(name, Place{&tensor, &file});
  }
  return {};
}

/// Without an index, "model-00001-of-00003.safetensors" still tells how many there must be.
Status HfDirectory::check_shard_numbers(const std::vector<std::string>& files) const {
  for (const std::string& file : files) {
    const size_t of = file.rfind("-of-");
    const size_t number = of == std::string::npos || of < 5 ? std::string::npos : of - 5;
    if (number == std::string::npos || file.size() != of + 9 + std::string(".safetensors").size())
      continue;
    const int total = std::atoi(file.substr(of + 4, 5).c_str());
    for (int i = 1; i <= std::min(total, 99999); ++i) {
      const std::string wanted =
          fmt::format("{}{:05}{}", file.substr(0, number), i, file.substr(of));
      if (std::find(files.begin(), files.end(), wanted) == files.end()) {
        return Status::error(
            fmt::format("{}: file {} wanted beside {}, none found", path_.string(), wanted, file));
      }
    }
  }
  return {};
}

Status HfDirectory::open_all() {
  std::vector<std::string> files;
  if (fs::exists(path_ / "model.safetensors")) {
    files.push_back("model.safetensors");
  } else {
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (entry.path().extension() == ".safetensors")
        files.push_back(entry.path().filename().string());
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    return Status::error(
        fmt::format("{}: model.safetensors or {} wanted, none found", path_.string(), kSafetensorsIndex));
  }
  FATHOM_RETURN_IF_ERROR(check_shard_numbers(files));
  for (const std::string& name : files) FATHOM_RETURN_IF_ERROR(open_file(name));
  for (const auto& [file, shard] : files_) {
    for (const auto& [name, tensor] : shard->tensors()) {
      const auto [it, fresh] = places_.try_emplace(name, Place{&tensor, &file});
      if (!fresh) {
        return Status::error(fmt::format("{}: {}: one file that holds it wanted, {} too found",
                                         file, name, *it->second.file));
      }
    }
  }
  return {};
}

/// Converted checkpoints often lack the MTP layers that their config still names.
void HfDirectory::settle_mtp() {
  if (config_.num_nextn_predict_layers == 0) return;
  for (int64_t i = 0; i < config_.num_nextn_predict_layers; ++i) {
    const std::string prefix = fmt::format("model.layers.{}.", config_.num_hidden_layers + i);
    const auto it = places_.lower_bound(prefix);
    if (it != places_.end() && it->first.starts_with(prefix)) return;
  }
  notes_.push_back(
      fmt::format("config.json names {} MTP layer(s) (num_nextn_predict_layers), the files hold "
                  "none: opened without",
                  config_.num_nextn_predict_layers));
  config_.num_nextn_predict_layers = 0;
}

Status HfDirectory::check_scales(std::string_view name, const StoredTensor& weight) const {
  if (!config_.fp8) {
    return wrong(name, "quantization_config in config.json for dtype F8_E4M3", "none");
  }
  const std::string scales = scale_name(name);
  const std::vector<int64_t> grid = {
      (weight.shape[0] + config_.fp8_block_rows - 1) / config_.fp8_block_rows,
      (weight.shape[1] + config_.fp8_block_cols - 1) / config_.fp8_block_cols};
  const Place* p = find(scales);
  if (p == nullptr) return wrong(scales, "scales of shape " + shape_text(grid), "none");
  if (p->tensor->shape != grid) {
    return wrong(scales, "shape " + shape_text(grid), shape_text(p->tensor->shape));
  }
  const DType t = p->tensor->dtype;
  if (t != DType::kF32 && t != DType::kF8E8M0 && t != DType::kBF16) {
    return wrong(scales, "dtype F32, BF16 or F8_E8M0", std::string(dtype_name(t)));
  }
  return {};
}

Status HfDirectory::check_parameter(const ParameterSpec& spec) const {
  const std::vector<int64_t> shape =
      spec.cols == 0 ? std::vector{spec.rows} : std::vector{spec.rows, spec.cols};
  const Place* p = find(spec.name);
  if (p == nullptr) {
    // The MTP layer's copies are the main model's tensors; a file may leave them out.
    return spec.mtp_copy ? Status()
                         : wrong(spec.name, "a tensor of shape " + shape_text(shape), "none");
  }
  if (p->tensor->shape != shape) {
    return wrong(spec.name, "shape " + shape_text(shape), shape_text(p->tensor->shape));
  }
  const DType t = p->tensor->dtype;
  const Format* format = find_format(t);
  if (format == nullptr || (format->scaled && spec.cols == 0)) {
    return wrong(spec.name,
                 spec.cols == 0 ? "dtype BF16, F16 or F32" : "dtype BF16, F16, F32 or F8_E4M3",
                 std::string(dtype_name(t)));
  }
  return format->scaled ? check_scales(spec.name, *p->tensor) : Status();
}

Status HfDirectory::open() {
  if (!fs::exists(path_ / "config.json")) {
    return Status::error(fmt::format("{}: config.json wanted, none found", path_.string()));
  }
  FATHOM_ASSIGN_OR_RETURN(config_, read_model_config(path_ / "config.json"));
  FATHOM_RETURN_IF_ERROR(fs::exists(path_ / kSafetensorsIndex) ? open_indexed() : open_all());
  settle_mtp();
  for (const ParameterSpec& spec : parameters(config_))
    FATHOM_RETURN_IF_ERROR(check_parameter(spec));
  return {};
}

std::vector<std::string> HfDirectory::names() const {
  std::vector<std::string> names;
  for (const auto& [name, place] : places_) {
    const bool scales =
        name.ends_with(kScaleSuffix) && contains(name.substr(0, name.size() - kScaleSuffix.size()));
    if (!scales) names.push_back(name);
  }
  return names;
}

Result<Weight> HfDirectory::weight(std::string_view name) const {
  const Place* p = find(name);
  if (p == nullptr) return wrong(name, "a tensor", "none");
  const StoredTensor& t = *p->tensor;
  if (t.shape.empty() || t.shape.size() > 2) {
    return wrong(name, "a vector or a matrix", shape_text(t.shape));
  }
  Weight w{.data = t.data, .dtype = t.dtype};
  w.rows = t.shape.size() == 2 ? t.shape[0] : 1;
  w.cols = t.shape.back();
  const Place* scales = find(scale_name(name));
  if (t.dtype != DType::kF8E4M3 || scales == nullptr) return w;
  w.scale_inv = scales->tensor->data;
  w.scale_dtype = scales->tensor->dtype;
  w.block_rows = config_.fp8_block_rows;
  w.block_cols = config_.fp8_block_cols;
  return w;
}

int64_t HfDirectory::bytes_on_disk() const {
  int64_t n = 0;
  for (const auto& [name, file] : files_) n += file->n_bytes();
  return n;
}

}  // namespace

/// weight_map of the index: tensor name to file name. Every file must be there and hold what the
/// index says.
Result<std::map<std::string, std::string>> parse_weight_map(std::string_view text,
                                                            const std::string& where) {
  std::map<std::string, std::string> map;
  try {
    const json index = json::parse(text);
    if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
      return Status::error(fmt::format("{}: weight_map: an object wanted", where));
    }
    for (const auto& [name, file] : index["weight_map"].items()) {
      const std::string file_name = file.is_string() ? file.get<std::string>() : "";
      // A file of this directory and of no other.
      if (file_name.empty() || file_name == ".." || fs::path(file_name).filename() != file_name) {
        return Status::error(fmt::format("{}: weight_map: {}: a file name wanted, {} found", where,
                                         name,
                                         file.dump(-1, ' ', true, json::error_handler_t::replace)));
      }
      map.emplace(name, file_name);
    }
  } catch (const json::exception& e) {
    return Status::error(fmt::format("{}: JSON wanted, {}", where, e.what()));
  }
  return map;
}

std::string scale_name(std::string_view weight_name) {
  return std::string(weight_name) + std::string(kScaleSuffix);
}

Result<std::shared_ptr<CheckpointReader>> open_hf_directory(const fs::path& path) {
  auto directory = std::make_shared<HfDirectory>(path);
  FATHOM_RETURN_IF_ERROR(directory->open());
  return std::shared_ptr<CheckpointReader>(std::move(directory));
}

}  // namespace fathom
