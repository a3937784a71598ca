#!/bin/sh
# Waits for Portus and the registry; with argument "note" writes $WORK/recorded where Portus knows the registry, with "prove" fails unless
# it does. For the generations whose first set-up goes by rake. Environment: as in first-set-up-api.sh.
set -eu

tries=90
ask() { curl --silent --show-error --cacert "$CA_FILE" --max-time 60 "$@"; }
fail() {
  echo "first set-up: $1" >&2
  exit 1
}
status_of() { ask --output "$WORK/answer" --write-out '%{http_code}' "$@"; }
said() { head -c 300 "$WORK/answer"; }

ask --fail --output /dev/null --retry "$tries" --retry-delay 2 --retry-all-errors "$PORTUS_URL/v2/token" || fail "Portus does not answer at $PORTUS_URL/v2/token"
got=$(status_of --retry "$tries" --retry-delay 2 --retry-all-errors "$REGISTRY_URL/v2/") || fail "the registry does not answer at $REGISTRY_URL/v2/"
[ "$got" = 401 ] || fail "the registry answers $got at $REGISTRY_URL/v2/, not 401: is token authentication on?"

if [ "$1" = prove ]; then
  . "$SCRIPTS/prove.sh"
elif (. "$SCRIPTS/prove.sh") 2>/dev/null; then
  touch "$WORK/recorded"
fi
