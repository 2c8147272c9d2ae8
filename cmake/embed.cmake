# fathom_embed(TARGET FUNCTION FILE): puts FILE's bytes into TARGET; `std::string_view fathom::FUNCTION()` gives them. The assembler
# reads the file (.incbin): no copy of it as source text, which takes a compiler seconds for each hundred kilobytes.
function(fathom_embed target function file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${function}.cc)
  # The hash stands in the source so that a compiler cache, which does not read what .incbin names, sees the change.
  file(SHA256 ${file} hash)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(CONFIGURE OUTPUT ${source} CONTENT [[
#include <string_view>
asm(R"(# @hash@
.section .rodata
.global fathom_embedded_@function@
.global fathom_embedded_@function@_end
fathom_embedded_@function@:
.incbin "@file@"
fathom_embedded_@function@_end:
.byte 0
.previous
)");
extern "C" const char fathom_embedded_@function@[], fathom_embedded_@function@_end[];
namespace fathom {
std::string_view @function@();
std::string_view @function@() {
  return {fathom_embedded_@function@, static_cast<size_t>(fathom_embedded_@function@_end - fathom_embedded_@function@)};
}
}  // namespace fathom
]] @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file})
  target_sources(${target} PRIVATE ${source})
endfunction()

# fathom_package_file(VARIABLE NAME PACKAGE PATH...): a file of a Debian package that the build needs, or an error that names the package.
function(fathom_package_file variable name package)
  find_file(${variable} ${name} PATHS ${ARGN} NO_DEFAULT_PATH)
  if(NOT ${variable})
    message(FATAL_ERROR "${name} of the Debian package ${package} is wanted in ${ARGN} and was not found: "
                        "apt-get install ${package} (./run and ./test install all of cmake/packages.txt)")
  endif()
endfunction()
