# What tests/check and tests/demo share: packages, the build, and a private view of the host.
# shellcheck shell=bash
#
# Sourced by bash with -euo pipefail. Whoever sources it sets nothing; it sets:
#   VMPORT_SOURCE     the source tree
#   VMPORT_BUILD_DIR  the build directory (given in the environment, or _build-check in the tree)
#   VMPORT_PREFIX     where the build is installed, inside the private view alone
#   VMPORT_CACHE      where the tests' guest keeps its kernel (given, or in the build directory)
#   VMPORT_SANITIZE   what a new build is watched by, in Meson's words (given, or nothing)

VMPORT_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
VMPORT_BUILD_DIR=$(realpath -m "${VMPORT_BUILD_DIR:-$VMPORT_SOURCE/_build-check}")
VMPORT_PREFIX=/run/vmport-check
VMPORT_CACHE=$(realpath -m "${VMPORT_CACHE:-$VMPORT_BUILD_DIR/cache}")
export VMPORT_SOURCE VMPORT_BUILD_DIR VMPORT_PREFIX VMPORT_CACHE

VMPORT_PACKAGES=(
  # to build
  gcc gettext gobject-introspection libc6-dev libgirepository1.0-dev libglib2.0-dev
  libglib2.0-dev-bin libjson-glib-dev libnbd-dev libpolkit-gobject-1-dev libseccomp-dev libssl-dev
  libsystemd-dev libvirt-dev libvirt-glib-1.0-dev libwbclient-dev libxml2-dev meson ninja-build
  pkg-config python3-docutils
  # to run
  dbus dbus-daemon libglib2.0-bin polkitd systemd
  # to test
  bindfs bsdutils btrfs-progs e2fsprogs fsverity iproute2 libvirt-clients libvirt-daemon
  libxml2-utils lvm2 lzop mount ovmf passwd procps python3 python3-dbus python3-gi python3-libvirt python3-pytest
  python3-pytest-xdist qemu-system-x86 qemu-utils strace swtpm swtpm-tools util-linux virtinst
  xfsprogs
)

say () { printf '%s\n' "$*" >&2; }
die () { say "$(basename "$0"): $*"; exit 1; }

need_root () {
  [ "$(id -u)" = 0 ] || die "this starts a system bus and makes users of its own, in a private view of the host: run it as root (sudo $0)"
}

apt () {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2
}

install_packages () {
  local package missing=()

  command -v dpkg-query >/dev/null || die "this needs Debian's packages; on another system install what tests/lib/setup.sh lists and set VMPORT_NO_PACKAGES=1"
  for package in "${VMPORT_PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  # The lists of a fresh system are empty or name versions that are gone.
  apt install --no-install-recommends -y "${missing[@]}" 2>/dev/null ||
    { apt update && apt install --no-install-recommends -y "${missing[@]}"; } ||
    die "cannot install ${missing[*]}"
}

# Builds into $VMPORT_BUILD_DIR; says nothing unless something is wrong.
build () {
  local log

  log=$(mktemp)
  mkdir -p "$VMPORT_BUILD_DIR"
  if ! {
    if [ -f "$VMPORT_BUILD_DIR/build.ninja" ]; then
      meson configure "$VMPORT_BUILD_DIR" -Dwerror=true --prefix="$VMPORT_PREFIX"
    else
      # The system's own Python is the one that has the modules of the packages above.
      PATH=/usr/bin:/bin:/usr/sbin:/sbin meson setup "$VMPORT_BUILD_DIR" "$VMPORT_SOURCE" \
        --werror --prefix="$VMPORT_PREFIX" --libdir=lib -Db_sanitize="${VMPORT_SANITIZE:-none}"
    fi &&
      # The program that introspects the library loads a sanitizer with it, and late.
      ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 PATH=/usr/bin:/bin:/usr/sbin:/sbin \
        ninja -C "$VMPORT_BUILD_DIR"
  } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "the build failed"
  fi
  rm -f "$log"
}

# What the sanitizers do, and where in the private view they write: daemon/worker/vmp-sanitized.c says
# so to workers. VMPORT_REPORTS is what that folder is outside of the view.
set_sanitizers () {
  VMPORT_REPORTS=$VMPORT_WORK/reports
  mkdir "$VMPORT_REPORTS"
  export VMPORT_REPORTS
  # Leaks count in the daemon, which stays (rig/daemon.py); not in what a test or a command makes.
  export ASAN_OPTIONS=log_path=/run/vmport-sanitizer/report:detect_stack_use_after_return=1:detect_leaks=0
  export UBSAN_OPTIONS=log_path=/run/vmport-sanitizer/report:halt_on_error=1:print_stacktrace=1
  # GLib is built without it, so what its own locks order inside of it is not seen.
  export TSAN_OPTIONS=log_path=/run/vmport-sanitizer/report:ignore_noninstrumented_modules=1
  VMPORT_SANITIZER=$(gcc -print-file-name=libasan.so)
  [ "$VMPORT_SANITIZE" != thread ] || VMPORT_SANITIZER=$(gcc -print-file-name=libtsan.so)
  export VMPORT_SANITIZER
  # Each piece of memory for itself, so that its bounds and its end are seen.
  export G_SLICE=always-malloc
}

# Prints what they reported; false if that was anything.
no_reports () {
  local reports

  reports=$(find "$VMPORT_REPORTS" -type f -size +0)
  [ -n "$reports" ] || return 0
  while read -r report; do
    say "$report:"
    cat "$report" >&2
  done <<<"$reports"
  say "$(wc -l <<<"$reports") processes reported something"
  return 1
}

# The kernel and busybox of the tests' guest, while there is a network.
fetch_guest () {
  /usr/bin/python3 -B "$VMPORT_SOURCE/tests/lib/guest.py" fetch
}

# Runs a command where /etc, /run and polkit's folders are copies, libvirt's are empty, the build is
# installed under $VMPORT_PREFIX, there is no network but the loopback, and every process that is left at the end is
# killed. Nothing of it reaches the host: mounts, network and processes are those of namespaces that end with the
# command.
run_privately () {
  unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc \
    bash "$VMPORT_SOURCE/tests/lib/private.sh" "$@"
}
