#!/usr/bin/env bash
# Policies of a running server, in the form
#   scripts/policy-manager.sh set SERVICE TYPE FILE | get SERVICE TYPE | validate [TYPE] FILE | monitor | list
# For all else, and for levels below the org, see `vedette policy --help`. VEDETTE names the binary (else the one built here).
set -euo pipefail
vedette=${VEDETTE:-$(dirname "$0")/../build/vedette}
[ -x "$vedette" ] || vedette=vedette
action=${1:-}
[ $# -gt 0 ] && shift

types=$("$vedette" policy --help | sed -n 's/^TYPE is one of \(.*\)\.$/\1/p')
is_type() { [[ " $types " == *" $1 "* ]]; }

# A file that is named for its type (privacy-policy.json, privacy.json) is held against that; any other is of the first
# type that takes it.
validate() {
  local file=$1 type
  type=$(basename "$file" .json | sed 's/-policy$//')
  shift
  is_type "$type" && exec "$vedette" policy validate "$type" "$file" "$@"
  for type in $types; do
    "$vedette" policy validate "$type" "$file" "$@" 2>/dev/null && { echo "$file is a valid $type policy" >&2; return 0; }
  done
  echo "policy-manager: no type of policy takes $file: validate TYPE FILE says why" >&2
  return 1
}

case $action in
  set) [ $# -ge 3 ] || { echo "policy-manager: set SERVICE TYPE FILE" >&2; exit 2; }
       exec "$vedette" policy set "$2" "$3" --service "$1" "${@:4}" ;;
  get) [ $# -ge 2 ] || { echo "policy-manager: get SERVICE TYPE" >&2; exit 2; }
       exec "$vedette" policy get "$2" --service "$1" "${@:3}" ;;
  validate) [ $# -ge 1 ] || { echo "policy-manager: validate [TYPE] FILE" >&2; exit 2; }
       if is_type "$1"; then exec "$vedette" policy validate "$@"; else validate "$@"; fi ;;
  monitor | list) exec "$vedette" policy "$action" "$@" ;;
  *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
