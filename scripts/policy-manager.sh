#!/usr/bin/env bash
# Policies of a running server, in the form
#   scripts/policy-manager.sh set SERVICE TYPE FILE | get SERVICE TYPE | validate [TYPE] FILE | monitor | list
# For all else, and for levels below the org, see `vedette policy --help`. VEDETTE names the binary (else the one built here).
set -euo pipefail
vedette=${VEDETTE:-$(dirname "$0")/../build/vedette}
[ -x "$vedette" ] || vedette=vedette
action=${1:-}
[ $# -gt 0 ] && shift

case $action in
  set) [ $# -ge 3 ] || { echo "policy-manager: set SERVICE TYPE FILE" >&2; exit 2; }
       exec "$vedette" policy set "$2" "$3" --service "$1" "${@:4}" ;;
  get) [ $# -ge 2 ] || { echo "policy-manager: get SERVICE TYPE" >&2; exit 2; }
       exec "$vedette" policy get "$2" --service "$1" "${@:3}" ;;
  validate) [ $# -ge 1 ] || { echo "policy-manager: validate [TYPE] FILE" >&2; exit 2; }
       exec "$vedette" policy validate "$@" ;;
  monitor | list) exec "$vedette" policy "$action" "$@" ;;
  *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
