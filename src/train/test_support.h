// What the tests of this folder share: a folder that vanishes, a tokenizer of single bytes.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tokenizer/tokenizer.h"

namespace fathom {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "fathom-train-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const std::filesystem::path p = path_ / name;
    std::filesystem::create_directories(p.parent_path());
    std::ofstream(p, std::ios::binary) << content;
    return p;
  }

 private:
  std::filesystem::path path_;
};

/// A token is a byte; 256 begins, 257 ends, 258 to 260 are the three of fill-in-the-middle.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<int32_t> ids;
    for (unsigned char c : text) ids.push_back(c);
    return ids;
  }
  std::string token_bytes(int32_t id) const override {
    static const char* const kSpecial[] = {"<s>", "</s>", "<|fim_begin|>", "<|fim_hole|>",
                                           "<|fim_end|>"};
    if (id < 0 || id >= vocab_size()) return {};
    return id < 256 ? std::string(1, static_cast<char>(id)) : kSpecial[id - 256];
  }
  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::string text;
    for (int32_t id : ids) {
      if (!skip_special || !is_special(id)) text += token_bytes(id);
    }
    return text;
  }
  int32_t token_id(std::string_view token) const override {
    for (int32_t id = 256; id < vocab_size(); ++id) {
      if (token_bytes(id) == token) return id;
    }
    return -1;
  }
  bool is_special(int32_t id) const override { return id >= 256; }
  int32_t vocab_size() const override { return 261; }
  int32_t bos_id() const override { return 256; }
  int32_t eos_id() const override { return 257; }
  bool add_bos_token() const override { return true; }
  const std::string& chat_template() const override { return empty_; }

 private:
  std::string empty_;
};

}  // namespace fathom
