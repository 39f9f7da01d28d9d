#!/bin/sh
# Installs the authorization store where there is none yet: the administrator's own is never touched.
set -eu

target=${DESTDIR:-}$2
[ -e "$target" ] || install -D -m 0644 "$1" "$target"
