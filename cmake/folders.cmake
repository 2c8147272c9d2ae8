# fathom_folder(NAME): everything under src/NAME is one library, its *_test.cc files one test program.
# Files are found by name, so a new file touches no build file. *_avx512.cc is compiled for AVX-512 with BF16 and
# VNNI and called only where the machine has them (device/isa.h). g++ 12's own header of these intrinsics reads a variable
# into itself, which -Wuninitialized and -Wmaybe-uninitialized report in our name.
set(FATHOM_AVX512_FLAGS
    -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512bf16 -mavx512vnni
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-uninitialized>)

# Headers that cost seconds and never change are compiled once: for the libraries, with GoogleTest for the tests, with CLI11 for the
# commands. Kernels take none: they are compiled for other instruction sets. A file still names every header that it uses.
# g++ 12 then finds bounds broken in string concatenations where they are not; clang and the sanitizers look for the real ones.
add_compile_options("$<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-restrict>")
set(FATHOM_PCH <algorithm> <chrono> <cmath> <cstring> <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <set> <sstream>
    <string> <thread> <utility> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp>)
function(fathom_pch name)  # further headers, and what they link to, follow
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc.in "// Stands for the precompiled headers of ${name}.\n")
  configure_file(${CMAKE_BINARY_DIR}/${name}.cc.in ${CMAKE_BINARY_DIR}/${name}.cc COPYONLY)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE Threads::Threads fmt::fmt nlohmann_json::nlohmann_json ${ARGN})
  target_precompile_headers(${name} PRIVATE ${FATHOM_PCH})
endfunction()

function(fathom_folder name)
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER all INCLUDE REGEX "_test\\.cc$")
  set(wide ${sources})
  list(FILTER wide INCLUDE REGEX "_avx512\\.cc$")
  set_source_files_properties(${wide} PROPERTIES COMPILE_OPTIONS "${FATHOM_AVX512_FLAGS}")
  set(kernels ${sources})
  list(FILTER kernels INCLUDE REGEX "_(avx2|avx512|simd)\\.cc$")
  set_source_files_properties(${kernels} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if(FATHOM_FUZZ)  # kernels read no file, and clang takes minutes for one of them with sanitizers
    set_property(SOURCE ${kernels} APPEND PROPERTY COMPILE_OPTIONS "-fno-sanitize=all")
  endif()
  if(NOT sources)  # headers only
    add_library(fathom_${name} INTERFACE)
    target_include_directories(fathom_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(fathom_${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(fathom_${name} STATIC ${sources})
  target_include_directories(fathom_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(fathom_${name} PUBLIC ${ARGN})
  target_precompile_headers(fathom_${name} REUSE_FROM fathom_pch)
  if(FATHOM_TESTS AND all)
    add_executable(fathom_${name}_test ${all})
    target_link_libraries(fathom_${name}_test PRIVATE fathom_${name} GTest::gtest GTest::gtest_main)
    target_compile_definitions(fathom_${name}_test PRIVATE FATHOM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_precompile_headers(fathom_${name}_test REUSE_FROM fathom_test_pch)
    gtest_discover_tests(fathom_${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endfunction()
