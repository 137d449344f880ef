#!/usr/bin/env bash
# How a running server is: its status, breakers and queues. Exit status 0 when it is healthy, 1 when not, 2 when it cannot be
# asked. VEDETTE_URL says where it is (else http://127.0.0.1:8000); with VEDETTE_TOKEN it tells more.
set -uo pipefail
url=${VEDETTE_URL:-http://127.0.0.1:8000}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
# by a file, so that the token is in no argument
[ -z "${VEDETTE_TOKEN:-}" ] || echo "Authorization: Bearer $VEDETTE_TOKEN" >"$headers"
answer=$(curl --silent --show-error --max-time 10 --header "@$headers" "$url/health") || exit 2
echo "$answer"
case $answer in
  *'"status":"healthy"'*) exit 0 ;;
  *) exit 1 ;;
esac
