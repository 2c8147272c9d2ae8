#include "checkpoint/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "checkpoint/checkpoint.h"

namespace fathom {
std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as the format's own library has it
constexpr size_t kMaxRank = 8;
constexpr const char* kMetadata = "__metadata__";

constexpr std::array kDtypes = {DType::kF64, DType::kF32,    DType::kF16,    DType::kBF16,
                                DType::kI64, DType::kI32,    DType::kI16,    DType::kI8,
                                DType::kU8,  DType::kF8E4M3, DType::kF8E8M0, DType::kBool};

std::optional<DType> dtype_named(const std::string& name) {
  for (DType t : kDtypes) {
    if (dtype_name(t) == name) return t;
  }
  return std::nullopt;
}

/// The header's JSON; a name that stands twice is an error, which a plain parse would hide.
Result<json> parse_header(std::string_view text, const std::string& where) {
  std::set<std::string> tensors, fields;
  std::string twice;
  const auto see = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event != json::parse_event_t::key) return true;
    const auto& name = parsed.get_ref<const std::string&>();
    if (depth == 1) fields.clear();
    if (depth <= 2 && !(depth == 1 ? tensors : fields).insert(name).second) twice = name;
    return true;
  };
  try {
    json header = json::parse(text, see);
    if (!twice.empty()) {
      return Status::error(
          fmt::format("{}: header: every name once wanted, \"{}\" twice found", where, twice));
    }
    if (!header.is_object()) {
      return Status::error(fmt::format("{}: header: a JSON object wanted", where));
    }
    return header;
  } catch (const json::exception& e) {
    return Status::error(fmt::format("{}: header: JSON wanted, {}", where, e.what()));
  }
}

/// A list of integers in [0, 2^63), `count` of them if not 0.
std::optional<std::vector<int64_t>> integers(const json& object, const char* key, size_t max,
                                             size_t count) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array() || it->size() > max) return std::nullopt;
  if (count != 0 && it->size() != count) return std::nullopt;
  std::vector<int64_t> list;
  for (const json& n : *it) {
    if (!n.is_number_unsigned() || n.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return std::nullopt;
    }
    list.push_back(n.get<int64_t>());
  }
  return list;
}

struct Entry {
  StoredTensor tensor;
  int64_t begin = 0, end = 0;
};

Result<Entry> parse_entry(const json& object, const std::string& where, int64_t n_data) {
  const auto error = [&](const std::string& sentence) {
    return Status::error(fmt::format("{}: {}", where, sentence));
  };
  if (!object.is_object()) return error("an object with dtype, shape and data_offsets wanted");
  const auto name = object.find("dtype");
  if (name == object.end() || !name->is_string()) return error("dtype: a string wanted");
  const auto dtype = dtype_named(name->get<std::string>());
  if (!dtype) {
    return error(fmt::format("dtype: BF16, F16, F32, F8_E4M3 or another known one wanted, {} found",
                             name->dump(-1, ' ', true, json::error_handler_t::replace)));
  }
  const auto shape = integers(object, "shape", kMaxRank, 0);
  if (!shape) return error(fmt::format("shape: a list of at most {} sizes wanted", kMaxRank));
  const auto offsets = integers(object, "data_offsets", 2, 2);
  if (!offsets) return error("data_offsets: [begin, end] wanted");
  int64_t n_bytes = dtype_bytes(*dtype);
  for (int64_t d : *shape) {
    if (__builtin_mul_overflow(n_bytes, d, &n_bytes)) {
      return error(
          fmt::format("shape: a size below 2^63 bytes wanted, {} found", shape_text(*shape)));
    }
  }
  Entry e{{*dtype, *shape, nullptr, n_bytes}, (*offsets)[0], (*offsets)[1]};
  if (e.begin > e.end || e.end > n_data) {
    return error(fmt::format("data_offsets: a range within {} bytes of data wanted, [{}, {}] found",
                             n_data, e.begin, e.end));
  }
  if (e.end - e.begin != n_bytes) {
    return error(fmt::format("data_offsets: {} bytes for {} {} wanted, {} found", n_bytes,
                             dtype_name(*dtype), shape_text(*shape), e.end - e.begin));
  }
  return e;
}

/// The data must be covered without overlap and without holes.
Status check_cover(std::vector<std::pair<std::string, Entry>>& entries, const std::string& where,
                   int64_t n_data) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.begin, a.second.end) < std::pair(b.second.begin, b.second.end);
  });
  int64_t covered = 0;
  for (const auto& [name, e] : entries) {
    if (e.begin != covered) {
      return Status::error(fmt::format("{}: {}: data_offsets: begin {} wanted, {} found ({})",
                                       where, name, covered, e.begin,
                                       e.begin < covered ? "an overlap" : "a hole"));
    }
    covered = e.end;
  }
  if (covered != n_data) {
    return Status::error(
        fmt::format("{}: {} bytes of data wanted, {} found", where, covered, n_data));
  }
  return {};
}

Status parse_metadata(const json& object, const std::string& where,
                      std::map<std::string, std::string>& metadata) {
  const Status bad =
      Status::error(fmt::format("{}: {}: an object of strings wanted", where, kMetadata));
  if (!object.is_object()) return bad;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) return bad;
    metadata[key] = value.get<std::string>();
  }
  return {};
}

/// The header's text, after the checks of its length. Source: the safetensors format, README of its
/// repository.
Result<std::string_view> header_text(std::span<const uint8_t> bytes, const std::string& where) {
  if (bytes.size() < 8) {
    return Status::error(
        fmt::format("{}: a header length of 8 bytes wanted, {} bytes found", where, bytes.size()));
  }
  uint64_t n = 0;
  std::memcpy(&n, bytes.data(), 8);  // little-endian, as this machine is
  if (n > kMaxHeaderBytes) {
    return Status::error(fmt::format("{}: a header of at most {} bytes wanted, {} found", where,
                                     kMaxHeaderBytes, n));
  }
  if (n > bytes.size() - 8) {
    return Status::error(
        fmt::format("{}: a header of {} bytes wanted, {} bytes found", where, n, bytes.size() - 8));
  }
  return std::string_view(reinterpret_cast<const char*>(bytes.data()) + 8, n);
}

Status write_tensor(AtomicFile& file, const TensorToWrite& t) {
  const void* data = t.data;
  std::vector<uint8_t> buffer;
  if (data == nullptr && t.n_bytes() > 0) {
    FATHOM_CHECK(t.make != nullptr);
    buffer.resize(static_cast<size_t>(t.n_bytes()));
    t.make(buffer.data());
    data = buffer.data();
  }
  return file.write(data, static_cast<size_t>(t.n_bytes()));
}

}  // namespace

Result<std::shared_ptr<SafetensorsFile>> SafetensorsFile::open(const std::filesystem::path& path) {
  FATHOM_ASSIGN_OR_RETURN(auto mapped, MappedFile::open(path));
  FATHOM_ASSIGN_OR_RETURN(auto file, parse(mapped->bytes(), path.filename().string()));
  file->file_ = std::move(mapped);
  return file;
}

Result<std::shared_ptr<SafetensorsFile>> SafetensorsFile::parse(std::span<const uint8_t> bytes,
                                                                const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const std::string_view text, header_text(bytes, where));
  FATHOM_ASSIGN_OR_RETURN(const json header, parse_header(text, where));
  const std::span<const uint8_t> data = bytes.subspan(8 + text.size());
  auto file = std::make_shared<SafetensorsFile>();
  file->n_bytes_ = static_cast<int64_t>(bytes.size());
  std::vector<std::pair<std::string, Entry>> entries;
  for (const auto& [name, object] : header.items()) {
    if (name == kMetadata) {
      FATHOM_RETURN_IF_ERROR(parse_metadata(object, where, file->metadata_));
      continue;
    }
    FATHOM_ASSIGN_OR_RETURN(Entry e, parse_entry(object, fmt::format("{}: {}", where, name),
                                                 static_cast<int64_t>(data.size())));
    e.tensor.data = data.data() + e.begin;
    entries.emplace_back(name, std::move(e));
  }
  FATHOM_RETURN_IF_ERROR(check_cover(entries, where, static_cast<int64_t>(data.size())));
  for (auto& [name, e] : entries) file->tensors_.emplace(name, std::move(e.tensor));
  return file;
}

Status write_safetensors(const std::filesystem::path& path,
                         const std::vector<TensorToWrite>& tensors,
                         const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  header[kMetadata] = metadata;
  header[kMetadata].emplace("format", "pt");  // other tools ask for it
  int64_t offset = 0;
  for (const TensorToWrite& t : tensors) {
    FATHOM_CHECK(!header.contains(t.name));
    const int64_t end = offset + t.n_bytes();
    header[t.name] = {
        {"dtype", dtype_name(t.dtype)}, {"shape", t.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((8 + text.size() + 63) / 64 * 64 - 8, ' ');  // the data begins at a multiple of 64
  FATHOM_ASSIGN_OR_RETURN(auto file, AtomicFile::create(path));
  const uint64_t n = text.size();
  FATHOM_RETURN_IF_ERROR(file->write(&n, 8));
  FATHOM_RETURN_IF_ERROR(file->write(text.data(), text.size()));
  for (const TensorToWrite& t : tensors) {
    FATHOM_RETURN_IF_ERROR(write_tensor(*file, t));
  }
  return file->commit();
}

}  // namespace fathom
