# Sourced by the scripts of the first set-up that ask Portus and the registry over HTTPS. Environment: as in first-set-up-api.sh.
wait='--retry 90 --retry-delay 2 --retry-max-time 300 --retry-all-errors' # the longest start of Portus, and room

ask() { curl --silent --show-error --cacert "$CA_FILE" --connect-timeout 5 --max-time 60 "$@"; }
fail() {
  echo "first set-up: $1" >&2
  exit 1
}
status_of() { ask --output "$WORK/answer" --write-out '%{http_code}' "$@"; }
said() { head -c 300 "$WORK/answer"; }

wait_for_portus() { # its path $1
  ask --fail --output /dev/null $wait "$PORTUS_URL$1" ||
    fail "Portus does not answer at $PORTUS_URL$1"
}

wait_for_registry() {
  got=$(status_of $wait "$REGISTRY_URL/v2/") || fail "the registry does not answer at $REGISTRY_URL/v2/"
  [ "$got" = 401 ] || fail "the registry answers $got at $REGISTRY_URL/v2/, not 401: is token authentication on?"
}
