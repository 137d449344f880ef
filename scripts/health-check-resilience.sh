#!/usr/bin/env bash
# How a running server is: its status, breakers and queues. Exit status 0 when it is healthy, 1 when not, 2 when it cannot be
# asked. VEDETTE_URL says where it is (else http://127.0.0.1:8000); with VEDETTE_TOKEN it tells more. VEDETTE_CA_FILE: whom to
# trust for https.
set -uo pipefail
url=${VEDETTE_URL:-http://127.0.0.1:8000}
url=${url%/}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
# by a file, so that the token is in no argument
[ -z "${VEDETTE_TOKEN:-}" ] || echo "Authorization: Bearer $VEDETTE_TOKEN" >"$headers"
authorities=()
[ -z "${VEDETTE_CA_FILE:-}" ] || authorities=(--cacert "$VEDETTE_CA_FILE")
answer=$(curl --silent --show-error --max-time 10 ${authorities[@]+"${authorities[@]}"} --header "@$headers" "$url/health") || exit 2
echo "$answer"
case $answer in # the first member is the server's own; components that tell theirs follow
  '{"status":"healthy"'*) exit 0 ;;
  *) exit 1 ;;
esac
