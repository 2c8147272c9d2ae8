# fathom_folder(NAME): everything under src/NAME is one library, its *_test.cc files one test program.
# Files are found by name, so a new file touches no build file. *_avx512.cc is compiled for AVX-512 with BF16 and
# VNNI and called only where the machine has them (device/isa.h). g++ 12's own header of these intrinsics reads a variable
# into itself, which -Wuninitialized and -Wmaybe-uninitialized report in our name.
set(FATHOM_AVX512_FLAGS
    -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512bf16 -mavx512vnni
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-uninitialized>)

# Several files are compiled as one (a unity build), since most of the time goes into headers and into templates that all of them use:
# -DFATHOM_UNITY=OFF compiles each by itself, which is quicker where one file changes again and again. Kernels stay apart: they are
# compiled for other instruction sets. Commands compute nothing that takes time, so they are optimised less, tests not at all: a third of their compilation.
option(FATHOM_UNITY "Compile up to eight files as one" ON)
set(CMAKE_UNITY_BUILD ${FATHOM_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
function(fathom_compile_quickly name level)
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:${level}>)
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
  set_source_files_properties(${kernels} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
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
  if(FATHOM_TESTS AND all)
    add_executable(fathom_${name}_test ${all})
    target_link_libraries(fathom_${name}_test PRIVATE fathom_${name} GTest::gtest GTest::gtest_main)
    target_compile_definitions(fathom_${name}_test PRIVATE FATHOM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    fathom_compile_quickly(fathom_${name}_test -O0)
    gtest_discover_tests(fathom_${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endfunction()
