# What ./run and ./test share: install what is missing, configure, build. Sourced by both, never run by itself.
# Needs nothing but bash and what every Debian system has. Speaks on stderr; every failure is one sentence and a
# non-zero exit, with the end of the log above it.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
build=$root/build

say() { printf 'fathom: %s\n' "$*" >&2; }

# die SENTENCE [LOG]: shows the last lines of LOG, then the sentence.
die() {
  if [[ -n ${2-} && -s $2 ]]; then tail -n 60 "$2" >&2; fi
  say "$1"
  exit 1
}

# wanted_packages KIND...: names and reasons of cmake/packages.txt, one "name<TAB>why" a line.
wanted_packages() {
  local name kind why
  while read -r name kind why; do
    [[ $name == '#'* || -z $name ]] && continue
    [[ " $* " == *" $kind "* ]] && printf '%s\t%s\n' "$name" "$why"
  done <"$root/cmake/packages.txt"
  return 0
}

# install_packages KIND...: installs what is missing, after saying what and why.
install_packages() {
  local wanted installed name why missing=()
  wanted=$(wanted_packages "$@")
  if ! command -v dpkg-query >/dev/null; then
    say "this system has no dpkg: the libraries of cmake/packages.txt are taken to be installed"
    return
  fi
  # shellcheck disable=SC2046  # one word a package
  installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $(cut -f1 <<<"$wanted") 2>/dev/null) || true
  while IFS=$'\t' read -r name why; do
    if ! grep -qxF "$name installed" <<<"$installed"; then
      ((${#missing[@]})) || say "these Debian packages are missing and will be installed:"
      printf '  %-22s %s\n' "$name" "$why" >&2
      missing+=("$name")
    fi
  done <<<"$wanted"
  ((${#missing[@]})) || return 0
  apt_install "${missing[@]}"
}

# apt_install PACKAGE...: with the package lists as they are, then with fresh ones.
apt_install() {
  local as_root=() log
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "installing needs root and there is no sudo: run as root 'apt-get install --no-install-recommends $*'"
    as_root=(sudo)
  fi
  log=$(mktemp)
  local get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  if ! "${get[@]}" install --no-install-recommends "$@" >"$log" 2>&1 </dev/null; then
    say "fetching the package lists"
    "${get[@]}" update >"$log" 2>&1 </dev/null ||
      die "apt-get update failed: is the network there, and does /etc/apt name a Debian 12 mirror?" "$log"
    "${get[@]}" install --no-install-recommends "$@" >"$log" 2>&1 </dev/null ||
      die "apt-get could not install $* (is the network there?)" "$log"
  fi
  rm -f "$log"
  say "installed ${#} packages"
}

# configure DIR PRESET: runs CMake unless DIR is already configured for this clone.
configure() {
  local dir=$1 preset=$2 log=$1/configure.log
  if [[ -f $dir/build.ninja ]] && grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$dir/CMakeCache.txt"; then return; fi
  mkdir -p "$dir" || die "cannot write $dir"
  (cd "$root" && cmake --fresh --preset "$preset") >"$log" 2>&1 </dev/null ||
    die "CMake could not configure $dir (whole log: $log)" "$log"
}

# jobs: one a core, but no more than the memory feeds (a compiler takes up to about 1 GB).
jobs_count() {
  local cores fit
  cores=$(nproc)
  fit=$(awk '/^MemAvailable:/ {print int($2 / 1000000)}' /proc/meminfo)
  if ((fit < 1)); then fit=1; fi
  echo $((cores < fit ? cores : fit))
}

# show_progress WHAT: on a terminal, one line that tells how far ninja is; reads ninja's output.
show_progress() {
  local line shown=0
  while IFS= read -r line; do
    if [[ -t 2 && $line =~ ^\[[0-9]+/[0-9]+\] ]]; then
      printf '\r\033[Kfathom: building %s %s' "$1" "${BASH_REMATCH[0]}" >&2
      shown=1
    fi
  done
  if ((shown)); then printf '\r\033[K' >&2; fi
}

# run_ninja DIR WHAT TARGET...: builds quietly; the whole output is in DIR/log.
run_ninja() {
  local dir=$1 what=$2 start=$SECONDS status=0
  shift 2
  [[ -f $dir/.ninja_log ]] || say "building $what on $(jobs_count) cores; the first build takes some minutes"
  set +e
  NINJA_STATUS='[%f/%t] ' ninja -C "$dir" -j "$(jobs_count)" "$@" 2>&1 </dev/null | tee "$dir/log" | show_progress "$what"
  status=${PIPESTATUS[0]}
  set -e
  ((status == 0)) || die "building $what failed (whole log: $dir/log)" "$dir/log"
  if ((SECONDS - start >= 3)); then say "built $what in $((SECONDS - start)) s"; fi
}

# set_up KIND...: packages. One at a time in this clone: a second call waits for the first.
set_up() {
  mkdir -p "$build" || die "cannot write $build"
  exec 9>"$build/.lock"
  flock -n 9 || { say "another ./run or ./test is building here; waiting for it" && flock 9; }
  install_packages "$@"
}

# The lock is for setting up alone, not for as long as the program runs.
set_up_done() { exec 9>&-; }
