#!/bin/sh
# Makes the first administrator and the registry's record where they are missing (Portus 2.4 on), then proves that the record, the
# issuer and the signing key fit together: Portus' own user gets a token for the registry's catalog, and the registry takes it.
#
# Repeatable: with users present nothing is made. Passwords and tokens go through files, never through arguments.
# Environment: PORTUS_URL, PORTUS_HOST, REGISTRY_URL, REGISTRY (host, with the port where it is not 443), ADMINISTRATOR, FILES (mounted Secret:
# user.json, registry.json, portus-password), CA_FILE, WORK (scratch).
set -eu

tries=90 # of two seconds each: the longest start of Portus, and room
header="$WORK/portus-auth"

ask() { curl --silent --show-error --cacert "$CA_FILE" --max-time 60 "$@"; }
fail() {
  echo "first set-up: $1" >&2
  exit 1
}
status_of() { ask --output "$WORK/answer" --write-out '%{http_code}' "$@"; }
said() { head -c 300 "$WORK/answer"; }

ask --fail --output /dev/null --retry "$tries" --retry-delay 2 --retry-all-errors "$PORTUS_URL/api/v1/_ping" ||
  fail "Portus does not answer at $PORTUS_URL/api/v1/_ping"

# Portus refuses a registry that does not answer, and then the administrator would stand without it.
got=$(status_of --retry "$tries" --retry-delay 2 --retry-all-errors "$REGISTRY_URL/v2/") || fail "the registry does not answer at $REGISTRY_URL/v2/"
[ "$got" = 401 ] || fail "the registry answers $got at $REGISTRY_URL/v2/, not 401: is token authentication on?"

got=$(status_of --header 'Content-Type: application/json' --data "@$FILES/user.json" "$PORTUS_URL/api/v1/users/bootstrap")
case "$got" in
  201)
    token=$(sed -n 's/.*"plain_token" *: *"\([^"]*\)".*/\1/p' "$WORK/answer")
    [ -n "$token" ] || fail "Portus made the administrator, but its answer holds no token"
    printf 'Portus-Auth: %s:%s\n' "$ADMINISTRATOR" "$token" >"$header"
    echo "first set-up: made the administrator $ADMINISTRATOR"
    ;;
  400) echo "first set-up: Portus has users already, none is made ($(said))" ;;
  405) fail "Portus refuses a first administrator (405): first_user_admin is off" ;;
  *) fail "POST /api/v1/users/bootstrap answers $got: $(said)" ;;
esac

if [ -s "$header" ]; then
  got=$(status_of --header "@$header" "$PORTUS_URL/api/v1/registries")
  [ "$got" = 200 ] || fail "GET /api/v1/registries answers $got: $(said)"
  if [ "$(tr -d '[:space:]' <"$WORK/answer")" = '[]' ]; then
    got=$(status_of --header "@$header" --header 'Content-Type: application/json' --data "@$FILES/registry.json" "$PORTUS_URL/api/v1/registries")
    [ "$got" = 201 ] || fail "POST /api/v1/registries answers $got: $(said)"
    echo "first set-up: recorded the registry $REGISTRY"
  fi
fi

. "$SCRIPTS/prove.sh"
