// The catalogue's files and a claim's file as anyone may write them: refused with a sentence, or
// read; and what was read can be audited.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "cost/audit.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fathom::Catalogue catalogue;
  fathom::Status status = fathom::add_catalogue_text(catalogue, text, "x.toml");
  if (status.ok()) status = fathom::check_references(catalogue);
  FATHOM_CHECK(status.ok() || !status.message().empty());
  if (status.ok()) {
    for (const fathom::CatalogueModel& m : catalogue.models) {
      const auto audit = fathom::audit_model(catalogue, m);
      FATHOM_CHECK(audit.ok() || !audit.message().empty());
    }
  }
  const auto numbers = fathom::read_claimed_numbers(text, "claim.toml");
  if (!numbers.ok() || !numbers.value().config.empty()) return 0;
  fathom::Catalogue empty;
  const auto name = fathom::add_claimed_numbers(empty, numbers.value(), "");
  if (!name.ok()) return 0;
  const auto audit = fathom::audit_model(empty, *empty.model(name.value()).value());
  FATHOM_CHECK(audit.ok() || !audit.message().empty());
  return 0;
}
