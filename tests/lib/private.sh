#!/bin/bash
# Makes the private view of the host that run_privately() of setup.sh promises, then runs "$@".
set -euo pipefail

copy_over () {
  local folder=$1 copy

  [ -d "$folder" ] || return 0
  copy=$(mktemp -d /tmp/vmport-view.XXXXXX)
  mount -t tmpfs -o mode=755 tmpfs "$copy"
  cp -a "$folder/." "$copy/"
  chown --reference="$folder" "$copy"
  chmod --reference="$folder" "$copy"
  mount --move "$copy" "$folder"
  rmdir "$copy"
}

# A view of a folder in which the folders named after it are new and empty: libvirt knows one place
# for each of its things, and a host need not have it. What else is there stays what it is.
empty_beneath () {
  local folder=$1 view entry name new

  shift
  view=$(mktemp -d /tmp/vmport-view.XXXXXX)
  mount -t tmpfs -o mode=755 tmpfs "$view"
  for entry in "$folder"/*; do
    name=${entry##*/}
    if [ -L "$entry" ]; then
      cp -a "$entry" "$view/"
    elif [ -d "$entry" ]; then
      mkdir "$view/$name"
      mount --bind "$entry" "$view/$name"
    elif [ -f "$entry" ]; then
      : >"$view/$name"
      mount --bind "$entry" "$view/$name"
    fi
  done
  for name; do
    # On a real disk where there is one: a tmpfs cannot clone, and takes memory.
    new=$(mktemp -d "${VMPORT_WORK:-/tmp}/vmport-view.XXXXXX")
    [ -n "${VMPORT_WORK:-}" ] || mount -t tmpfs tmpfs "$new"
    chmod 755 "$new"
    [ ! -d "$folder/$name" ] || chown --reference="$folder/$name" "$new"
    mkdir -p "$view/$name"
    mount --bind "$new" "$view/$name"
  done
  mount --move "$view" "$folder"
  rmdir "$view"
}

ip link set lo up
# That of the network's namespace: libvirt looks for its bridges there.
mount -t sysfs sysfs /sys
copy_over /etc
copy_over /usr/share/polkit-1
empty_beneath /var/lib libvirt swtpm-localca
empty_beneath /var/log libvirt swtpm
empty_beneath /var/cache libvirt
# No KVM: so it is the same on every host. And where root alone can use it, libvirtd takes what it
# learned of QEMU for outdated, and asks again at every call.
if [ -e /dev/kvm ]; then
  no_kvm=$(mktemp /tmp/vmport-view.XXXXXX)
  chmod 000 "$no_kvm"
  mount --bind "$no_kvm" /dev/kvm
  rm "$no_kvm"
fi
mount -t tmpfs -o mode=755 tmpfs /run
# polkitd watches these for sessions; a host without logind has none.
mkdir -p /run/dbus /run/lock /run/systemd/{seats,sessions,users,machines}
mount -t tmpfs -o mode=1777 tmpfs /run/lock

if [ -n "${VMPORT_REPORTS:-}" ]; then
  mkdir /run/vmport-sanitizer
  mount --bind "$VMPORT_REPORTS" /run/vmport-sanitizer
fi

PATH=/usr/bin:/bin:/usr/sbin:/sbin meson install -C "$VMPORT_BUILD_DIR" --no-rebuild --quiet >/dev/null
# polkitd knows one place for actions.
cp "$VMPORT_PREFIX"/share/polkit-1/actions/*.policy /usr/share/polkit-1/actions/

export PATH="$VMPORT_PREFIX/bin:/usr/bin:/bin:/usr/sbin:/sbin"
export LD_LIBRARY_PATH="$VMPORT_PREFIX/lib"
export GI_TYPELIB_PATH="$VMPORT_PREFIX/lib/girepository-1.0"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS XDG_RUNTIME_DIR
# Not exec: process 1 must look after orphans, as bash does. libvirt waits for QEMUs that are such.
status=0
"$@" || status=$?
exit "$status"
