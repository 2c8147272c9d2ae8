// See documents.h.
#include "train/data/documents.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <utf8proc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t character;
    const utf8proc_ssize_t n = utf8proc_iterate(p, left, &character);
    if (n <= 0) return false;
    p += n;
    left -= n;
  }
  return true;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

bool wanted_in_directory(const fs::path& below, const std::string& glob) {
  if (!glob.empty()) return fnmatch(glob.c_str(), below.c_str(), 0) == 0;
  const std::string ext = below.extension().string();
  return ext == ".txt" || ext == ".md" || ext == ".jsonl";
}

Result<SourceFile> describe(const fs::path& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) {
    return Status::error(fmt::format("{}: cannot read: {}", path.string(), std::strerror(errno)));
  }
  if (!S_ISREG(st.st_mode)) {
    return Status::error(fmt::format("{}: a text file or a directory wanted", path.string()));
  }
  return SourceFile{path, st.st_size, st.st_mtim.tv_sec * int64_t{1000000000} + st.st_mtim.tv_nsec};
}

class Sink {
 public:
  Sink(const SourceFile& file, DocumentCounts& counts,
       const std::function<Status(std::string_view)>& take)
      : file_(file), counts_(counts), take_(take) {}

  Status document(std::string_view text, int64_t line) {
    if (is_blank(text)) {
      ++counts_.empty;
      return {};
    }
    if (!is_utf8(text)) {
      if (counts_.not_utf8++ == 0) {
        counts_.first_not_utf8 =
            line > 0 ? fmt::format("{}:{}", file_.path.string(), line) : file_.path.string();
      }
      return {};
    }
    ++counts_.documents;
    counts_.bytes += static_cast<int64_t>(text.size());
    return take_(text);
  }

 private:
  const SourceFile& file_;
  DocumentCounts& counts_;
  const std::function<Status(std::string_view)>& take_;
};

Status each_line(std::string_view content,
                 const std::function<Status(std::string_view, int64_t)>& take) {
  for (int64_t number = 1; !content.empty(); ++number) {
    const size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (!is_blank(line)) FATHOM_RETURN_IF_ERROR(take(line, number));
  }
  return {};
}

Status read_jsonl(std::string_view content, const fs::path& path, Sink& sink) {
  return each_line(content, [&](std::string_view line, int64_t line_number) -> Status {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("text") || !json["text"].is_string()) {
      return Status::error(
          fmt::format("{}:{}: a JSON object with a string \"text\" wanted, {} found", path.string(),
                      line_number, json.is_discarded() ? "text that is no JSON" : "another value"));
    }
    return sink.document(json["text"].get_ref<const std::string&>(), line_number);
  });
}

Status read_text(std::string_view content, const std::string& separator, Sink& sink) {
  if (content.starts_with("\xef\xbb\xbf"))
    content.remove_prefix(3);  // a byte order mark is no text
  if (separator.empty()) return sink.document(content, 0);
  for (;;) {
    const size_t end = content.find(separator);
    FATHOM_RETURN_IF_ERROR(sink.document(content.substr(0, end), 0));
    if (end == std::string_view::npos) return {};
    content.remove_prefix(end + separator.size());
  }
}

}  // namespace

Result<std::vector<SourceFile>> list_files(const DataSource& source) {
  std::error_code error;
  std::vector<SourceFile> files;
  if (!fs::is_directory(source.path, error)) {
    FATHOM_ASSIGN_OR_RETURN(SourceFile file, describe(source.path));
    files.push_back(std::move(file));
    return files;
  }
  fs::recursive_directory_iterator it(source.path, error), end;
  std::vector<fs::path> paths;
  for (; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored) &&
        wanted_in_directory(it->path().lexically_relative(source.path), source.glob)) {
      paths.push_back(it->path());
    }
  }
  if (error) {
    return Status::error(fmt::format("{}: cannot walk: {}", source.path.string(), error.message()));
  }
  std::sort(paths.begin(), paths.end(),
            [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  for (const fs::path& path : paths) {
    FATHOM_ASSIGN_OR_RETURN(SourceFile file, describe(path));
    files.push_back(std::move(file));
  }
  if (files.empty()) {
    return Status::error(fmt::format(
        "{}: files that match {} wanted, none found", source.path.string(),
        source.glob.empty() ? "*.txt, *.md or *.jsonl" : fmt::format("\"{}\"", source.glob)));
  }
  return files;
}

Status read_documents(const SourceFile& file, const std::string& separator, DocumentCounts& counts,
                      const std::function<Status(std::string_view)>& take) {
  FATHOM_ASSIGN_OR_RETURN(auto mapped, MappedFile::open(file.path));
  const std::string_view content(reinterpret_cast<const char*>(mapped->bytes().data()),
                                 mapped->bytes().size());
  Sink sink(file, counts, take);
  if (file.path.extension() == ".jsonl") return read_jsonl(content, file.path, sink);
  return read_text(content, separator, sink);
}

Status read_lines(const SourceFile& file,
                  const std::function<Status(std::string_view, int64_t)>& take) {
  FATHOM_ASSIGN_OR_RETURN(auto mapped, MappedFile::open(file.path));
  return each_line({reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()},
                   take);
}

}  // namespace fathom
