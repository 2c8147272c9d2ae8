# Writes OUT, a source file that names the commit of SOURCE, and touches it only where that changed, so that one file is
# compiled again after a commit and nothing else. "+changes": tracked files differ from it. Empty: no git, no repository.
execute_process(COMMAND git -C ${SOURCE} rev-parse HEAD OUTPUT_VARIABLE commit RESULT_VARIABLE failed ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(failed)
  set(commit "")
else()
  execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(NOT changes STREQUAL "")
    string(APPEND commit "+changes")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "// Written by cmake/commit.cmake at each build.
#include \"cli/commit.h\"

namespace fathom {

const char* program_commit() { return \"${commit}\"; }

}  // namespace fathom
")
