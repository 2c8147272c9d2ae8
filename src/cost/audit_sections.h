// An audit as sections of a page of the books: verdicts, MFUs, what the headline leaves out, others
// at equal basis.
#pragma once

#include <vector>

#include "cost/audit.h"
#include "cost/cost_page.h"

namespace fathom {

std::vector<PageSection> audit_sections(const Audit& audit);

}  // namespace fathom
