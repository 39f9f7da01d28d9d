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

copy_over /etc
copy_over /usr/share/polkit-1
mount -t tmpfs -o mode=755 tmpfs /run
# polkitd watches these for sessions; a host without logind has none.
mkdir -p /run/dbus /run/lock /run/systemd/{seats,sessions,users,machines}
mount -t tmpfs -o mode=1777 tmpfs /run/lock

PATH=/usr/bin:/bin:/usr/sbin:/sbin meson install -C "$VMPORT_BUILD_DIR" --no-rebuild --quiet >/dev/null
# polkitd knows one place for actions.
cp "$VMPORT_PREFIX"/share/polkit-1/actions/*.policy /usr/share/polkit-1/actions/

export PATH="$VMPORT_PREFIX/bin:/usr/bin:/bin:/usr/sbin:/sbin"
export LD_LIBRARY_PATH="$VMPORT_PREFIX/lib"
export GI_TYPELIB_PATH="$VMPORT_PREFIX/lib/girepository-1.0"
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
unset DBUS_SESSION_BUS_ADDRESS DBUS_SYSTEM_BUS_ADDRESS XDG_RUNTIME_DIR
exec "$@"
