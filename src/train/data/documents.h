// Sources of text, read as documents: a text file is one document or, with a separator, several; a
// .jsonl file has one on each line, in the field "text"; a directory is walked in sorted order.
// What is not UTF-8 is left out and counted, never repaired in silence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace fathom {

struct DataSource {
  std::filesystem::path path = {};  // a file or a directory
  /// How often an epoch reads each of its documents; the part of a whole by chance.
  double weight = 1.0;
  /// Of paths below a directory, as fnmatch reads it; empty: *.txt, *.md and *.jsonl.
  std::string glob = {};
  std::string separator = {};  // cuts a text file into documents; empty: the whole file is one
};

struct SourceFile {
  std::filesystem::path path;
  int64_t n_bytes = 0;
  int64_t mtime_ns = 0;
};

/// The files of a source, sorted by path. Error: nothing there, or nothing that matches.
Result<std::vector<SourceFile>> list_files(const DataSource& source);

struct DocumentCounts {
  int64_t documents = 0;
  int64_t bytes = 0;           // of their text
  int64_t empty = 0;           // left out: no text
  int64_t not_utf8 = 0;        // left out
  int64_t too_long = 0;        // left out: samples of supervised tuning
  std::string first_not_utf8;  // where
};

/// Calls take(text) for each document of a file, in its order; an error of take ends the reading.
/// Adds to `counts`.
Status read_documents(const SourceFile& file, const std::string& separator, DocumentCounts& counts,
                      const std::function<Status(std::string_view)>& take);

/// Calls take(line, number from 1) for each line of a file that is not blank.
Status read_lines(const SourceFile& file,
                  const std::function<Status(std::string_view, int64_t)>& take);

}  // namespace fathom
