// The catalogue's files: [[model]], [[claim]], [[comparison]], [[device]] and [[price]] entries,
// key by key.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "base/file.h"
#include "cost/catalogue.h"
#include "cost/toml_table.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kPrecisions = {"f64",  "f32", "tf32", "f16",
                                              "bf16", "fp8", "int8", "fp4"};

/// Nothing in the catalogue is 0: what is not known is left out.
std::optional<double> above_zero(TomlTable& t, const char* key, Quantity q,
                                 Needed needed = Needed::kNo) {
  const std::optional<double> value = t.quantity(key, q, needed);
  if (value && *value <= 0)
    t.refuse(fmt::format("{}: a number above 0 wanted, {} found", key, *value));
  return value;
}

Range range_above_zero(TomlTable& t, Quantity q) {
  const Range r = t.range(q);
  if (r.low <= 0) t.refuse(fmt::format("value: a number above 0 wanted, {} found", r.low));
  return r;
}

/// Whose it is, from where and when. `prefix` begins each key.
Provenance read_provenance(TomlTable& t, const char* date_key, const std::string& prefix = "") {
  Provenance p;
  p.whose = t.text((prefix + "whose").c_str(), Needed::kYes);
  p.source = t.text((prefix + "source").c_str(), Needed::kYes);
  p.date = t.date((prefix + date_key).c_str());
  p.note = t.text((prefix + "note").c_str());
  p.where = t.place();
  return p;
}

/// An entry's own. `date_key`: "date", or "month" of a price. What is not primary says why in its
/// note.
Provenance read_entry_provenance(TomlTable& t, const char* date_key = "date") {
  Provenance p = read_provenance(t, date_key);
  p.primary = t.flag("primary", true);
  if (!p.primary && p.note.empty())
    t.refuse("primary = false wants a note that says where the figure was read");
  return p;
}

Basis read_basis(TomlTable& t) {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(Basis::kUnknown); ++i)
    names.emplace_back(basis_name(static_cast<Basis>(i)));
  return static_cast<Basis>(t.choice("basis", names));
}

void read_name(TomlTable& t, std::string& name, std::vector<std::string>& aliases) {
  name = t.text("name", Needed::kYes);
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (!plain) t.refuse(fmt::format("name: small letters, digits, - and . wanted, {} found", name));
  aliases = t.texts("aliases");
}

void read_peer(TomlTable& t, CatalogueModel& m) {
  m.peer = t.text("peer");
  if (m.peer.empty()) return;
  m.peer_date = t.date("peer_trained");
  m.peer_from = read_provenance(t, "date", "peer_");
}

Status read_model(const toml::table& table, const std::string& file, Catalogue& catalogue) {
  TomlTable t(table, file, "model");
  CatalogueModel m;
  read_name(t, m.name, m.aliases);
  m.title = t.text("title", Needed::kYes);
  m.org = t.text("org", Needed::kYes);
  m.config = t.text("config");
  if (m.config.find('/') != std::string::npos)
    t.refuse("config: the name of a file in configs/ wanted, a path found");
  m.base = t.text("base");
  if (t.has("precision")) m.precision = kPrecisions[t.choice("precision", kPrecisions)];
  m.parameters_total = above_zero(t, "parameters_total", Quantity::kParameters);
  m.parameters_active = above_zero(t, "parameters_active", Quantity::kParameters);
  m.tokens = above_zero(t, "tokens", Quantity::kTokens);
  m.flops_per_token = above_zero(t, "flops_per_token", Quantity::kFlopsPerToken);
  m.training_flop = above_zero(t, "training_flop", Quantity::kFlops);
  m.context_length = t.integer("context_length", 1, int64_t{1} << 40).value_or(0);
  m.from = read_entry_provenance(t);
  read_peer(t, m);
  catalogue.models.push_back(std::move(m));
  return t.finish();
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const ClaimKind& k : claim_kinds()) names.emplace_back(k.what);
  return names;
}

Status read_claim(const toml::table& table, const std::string& file, Catalogue& catalogue) {
  TomlTable t(table, file, "claim");
  Claim c;
  c.model = t.text("model", Needed::kYes);
  const ClaimKind& kind = claim_kinds()[t.choice("what", kind_names())];
  c.what = kind.what;
  c.quantity = kind.quantity;
  c.phase = claim_phases()[t.choice("phase", claim_phases())];
  c.value = range_above_zero(t, kind.quantity);
  c.at_least = t.flag("at_least", false);
  c.device = t.text("device");
  c.basis = read_basis(t);
  c.includes = t.texts("includes");
  c.from = read_entry_provenance(t);
  if (c.basis == Basis::kPhysical &&
      (kind.quantity == Quantity::kUsd || kind.quantity == Quantity::kUsdPerHour)) {
    t.refuse("basis: one of money wanted, physical found");
  }
  catalogue.claims.push_back(std::move(c));
  return t.finish();
}

Status read_device(const toml::table& table, const std::string& file, Catalogue& catalogue) {
  TomlTable t(table, file, "device");
  Device d;
  read_name(t, d.name, d.aliases);
  d.title = t.text("title", Needed::kYes);
  d.chip = t.text("chip", Needed::kYes);
  d.form_factor = t.text("form_factor", Needed::kYes);
  d.released = t.date("released", Needed::kNo);
  if (const toml::table* peak = t.table("peak")) {
    TomlTable p(*peak, file, "peak");
    for (const std::string& precision : kPrecisions) {
      if (const auto flops = above_zero(p, precision.c_str(), Quantity::kFlopsPerS))
        d.peak[precision] = *flops;
    }
    FATHOM_RETURN_IF_ERROR(p.finish());
  }
  if (d.peak.empty()) t.refuse("peak wanted (dense FLOP/s by precision), not found");
  d.memory_bytes = above_zero(t, "memory", Quantity::kBytes);
  d.memory_bytes_per_s = above_zero(t, "memory_bandwidth", Quantity::kBytesPerS);
  d.link_bytes_per_s = above_zero(t, "link_bandwidth", Quantity::kBytesPerS);
  d.network_bytes_per_s = above_zero(t, "network_bandwidth", Quantity::kBytesPerS);
  d.tdp_w = above_zero(t, "tdp", Quantity::kWatts);
  d.server_w = above_zero(t, "server_power", Quantity::kWatts);
  d.from = read_entry_provenance(t);
  catalogue.devices.push_back(std::move(d));
  return t.finish();
}

Status read_price(const toml::table& table, const std::string& file, Catalogue& catalogue) {
  TomlTable t(table, file, "price");
  const std::vector<std::string> kinds = {"purchase", "rental", "electricity", "depreciation"};
  constexpr Quantity kQuantities[] = {Quantity::kUsd, Quantity::kUsdPerHour, Quantity::kUsdPerKwh,
                                      Quantity::kYears};
  Price p;
  const size_t kind = t.choice("what", kinds);
  p.what = kinds[kind];
  p.quantity = kQuantities[kind];
  p.device = t.text("device", kind < 2 ? Needed::kYes : Needed::kNo);
  p.place = t.text("place");
  if (p.what == "rental") p.cloud = t.choice("basis", {"rental", "cloud"}, Needed::kNo) == 1;
  p.value = range_above_zero(t, p.quantity);
  p.from = read_entry_provenance(t, "month");
  catalogue.prices.push_back(std::move(p));
  return t.finish();
}

Status read_comparison(const toml::table& table, const std::string& file, Catalogue& catalogue) {
  TomlTable t(table, file, "comparison");
  Comparison c;
  c.model = t.text("model", Needed::kYes);
  c.against = t.text("against", Needed::kYes);
  c.value = Range::exactly(above_zero(t, "value", Quantity::kUsd, Needed::kYes).value_or(0));
  c.against_value =
      Range::exactly(above_zero(t, "against_value", Quantity::kUsd, Needed::kYes).value_or(0));
  c.from = read_entry_provenance(t);
  catalogue.comparisons.push_back(std::move(c));
  return t.finish();
}

struct EntryKind {
  const char* key;
  Status (*read)(const toml::table&, const std::string&, Catalogue&);
};
constexpr EntryKind kEntries[] = {{"model", read_model},
                                  {"claim", read_claim},
                                  {"device", read_device},
                                  {"price", read_price},
                                  {"comparison", read_comparison}};

Status read_entries(const toml::node& node, const EntryKind& kind, const std::string& file,
                    Catalogue& catalogue) {
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    return Status::error(fmt::format("{}:{}: entries [[{}]] wanted, another value found", file,
                                     node.source().begin.line, kind.key));
  }
  for (const toml::node& entry : *list) {
    if (!entry.is_table()) {
      return Status::error(fmt::format("{}:{}: a table wanted in [[{}]], another value found", file,
                                       entry.source().begin.line, kind.key));
    }
    FATHOM_RETURN_IF_ERROR(kind.read(*entry.as_table(), file, catalogue));
  }
  return {};
}

Status add_file(Catalogue& catalogue, const fs::path& path) {
  FATHOM_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return add_catalogue_text(catalogue, text, path.string());
}

Status no_such(const Provenance& from, const std::string& what, const std::string& name,
               const Status& why) {
  return Status::error(
      fmt::format("{}: {}: {}", from.where, what, why.message().empty() ? name : why.message()));
}

Status unique_names(const Catalogue& catalogue) {
  std::set<std::string> names;
  const auto add = [&](const auto& entry) -> Status {
    std::vector<std::string> all = entry.aliases;
    all.push_back(entry.name);
    for (const std::string& name : all) {
      if (!names.insert(name).second)
        return Status::error(
            fmt::format("{}: a name of its own wanted, {} stands twice", entry.from.where, name));
    }
    return {};
  };
  for (const CatalogueModel& m : catalogue.models) FATHOM_RETURN_IF_ERROR(add(m));
  for (const Device& d : catalogue.devices) FATHOM_RETURN_IF_ERROR(add(d));
  return {};
}

/// Entries name models and devices by their names, so that a claim is found by comparing texts.
template <typename Find>
Status must_be(const Provenance& from, const char* key, const std::string& name, Find find) {
  if (name.empty()) return {};
  const auto found = find(name);
  if (!found.ok()) return no_such(from, key, name, found.status());
  if (found.value()->name == name) return {};
  return Status::error(fmt::format("{}: {}: the name {} wanted, its alias {} found", from.where,
                                   key, found.value()->name, name));
}

Status check_models(const Catalogue& catalogue) {
  const auto model = [&](const std::string& name) { return catalogue.model(name); };
  for (const CatalogueModel& m : catalogue.models) {
    FATHOM_RETURN_IF_ERROR(must_be(m.from, "base", m.base, model));
    FATHOM_RETURN_IF_ERROR(must_be(m.from, "peer", m.peer, model));
    std::error_code error;
    if (m.config.empty() || fs::exists(catalogue.directory / "configs" / m.config, error)) continue;
    return Status::error(
        fmt::format("{}: config: a file in configs/ wanted, no {} found", m.from.where, m.config));
  }
  return {};
}

/// The models that one stands on: its base, and what its claims include.
std::set<std::string> stands_on(const Catalogue& catalogue, const CatalogueModel& m) {
  std::set<std::string> names;
  if (!m.base.empty()) names.insert(m.base);
  for (const Claim* c : catalogue.claims_of(m.name))
    names.insert(c->includes.begin(), c->includes.end());
  return names;
}

/// A ladder follows base and included models down; it must come to an end.
Status check_no_circle(const Catalogue& catalogue) {
  std::map<std::string, std::set<std::string>> open;  // models, each with what it still stands on
  for (const CatalogueModel& m : catalogue.models) open[m.name] = stands_on(catalogue, m);
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = open.begin(); it != open.end();) {
      std::erase_if(it->second, [&](const std::string& name) { return !open.contains(name); });
      changed |= it->second.empty();
      it = it->second.empty() ? open.erase(it) : std::next(it);
    }
  }
  for (const CatalogueModel& m : catalogue.models) {
    if (open.contains(m.name))
      return Status::error(fmt::format(
          "{}: {}: models that it stands on (base, includes) without a circle wanted, one found",
          m.from.where, m.name));
  }
  return {};
}

}  // namespace

Status add_catalogue_text(Catalogue& catalogue, std::string_view text, const std::string& where) {
  FATHOM_ASSIGN_OR_RETURN(const toml::table root, parse_toml(text, where));
  TomlTable known(root, where, "");
  for (const EntryKind& kind : kEntries) {
    known.expect(kind.key);
    if (const toml::node* node = root.get(kind.key))
      FATHOM_RETURN_IF_ERROR(read_entries(*node, kind, where, catalogue));
  }
  return known.finish();
}

Status check_references(const Catalogue& catalogue) {
  const auto model = [&](const std::string& name) { return catalogue.model(name); };
  const auto device = [&](const std::string& name) { return catalogue.device(name); };
  FATHOM_RETURN_IF_ERROR(unique_names(catalogue));
  FATHOM_RETURN_IF_ERROR(check_models(catalogue));
  for (const Claim& c : catalogue.claims) {
    FATHOM_RETURN_IF_ERROR(must_be(c.from, "model", c.model, model));
    FATHOM_RETURN_IF_ERROR(must_be(c.from, "device", c.device, device));
    for (const std::string& name : c.includes)
      FATHOM_RETURN_IF_ERROR(must_be(c.from, "includes", name, model));
  }
  for (const Price& p : catalogue.prices)
    FATHOM_RETURN_IF_ERROR(must_be(p.from, "device", p.device, device));
  for (const Comparison& c : catalogue.comparisons) {
    FATHOM_RETURN_IF_ERROR(must_be(c.from, "model", c.model, model));
    FATHOM_RETURN_IF_ERROR(must_be(c.from, "against", c.against, model));
  }
  return check_no_circle(catalogue);
}

Result<Catalogue> load_catalogue(const fs::path& directory) {
  Catalogue catalogue;
  catalogue.directory = directory;
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(directory / "models", error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".toml") files.push_back(it->path());
  }
  if (error || files.empty()) {
    return Status::error(fmt::format(
        "{}: a catalogue wanted (models/*.toml, devices.toml, prices.toml), no models found",
        directory.string()));
  }
  std::sort(files.begin(), files.end());
  files.push_back(directory / "devices.toml");
  files.push_back(directory / "prices.toml");
  for (const fs::path& file : files) FATHOM_RETURN_IF_ERROR(add_file(catalogue, file));
  FATHOM_RETURN_IF_ERROR(check_references(catalogue));
  return catalogue;
}

}  // namespace fathom
