// The repository's own catalogue, read once, for this folder's tests.
#pragma once

#include <stdexcept>
#include <utility>

#include "cost/catalogue.h"

namespace fathom {

inline const Catalogue& shipped_catalogue() {
  static const Catalogue catalogue = [] {
    auto c = load_catalogue(FATHOM_SOURCE_DIR "/data/catalogue");
    if (!c.ok()) throw std::runtime_error(c.message());
    return std::move(c).value();
  }();
  return catalogue;
}

}  // namespace fathom
