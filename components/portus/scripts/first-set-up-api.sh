#!/bin/sh
# Makes the first administrator and the registry's record where they are missing (Portus 2.4 on), then proves that the record, the
# issuer and the signing key fit together: Portus' own user gets a token for the registry's catalog, and the registry takes it.
#
# Repeatable: with users present nothing is made. Passwords and tokens go through files, never through arguments.
# Environment: NAMESPACE (of this Pod), PORTUS_URL, PORTUS_HOST, REGISTRY_URL, REGISTRY (host, with the port where it is not 443),
# ADMINISTRATOR, FILES (mounted Secret: password, portus-password), RECORD (the registry's, JSON), EMAIL, CA_FILE,
# SCRIPTS (where this lies), WORK (scratch).
set -eu

. "$SCRIPTS/ask.sh"

header="$WORK/portus-auth"

wait_for_portus /api/v1/_ping
wait_for_registry # Portus refuses one that does not answer, and then the administrator would stand without it

(umask 077 && printf '{"user": {"username": "%s", "email": "%s", "password": "%s"}}' "$ADMINISTRATOR" "$EMAIL" \
  "$(sed 's/[\\"]/\\&/g' "$FILES/password")" >"$WORK/user.json")
got=$(status_of --header 'Content-Type: application/json' --data "@$WORK/user.json" "$PORTUS_URL/api/v1/users/bootstrap")
rm -f "$WORK/user.json"
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
    got=$(status_of --header "@$header" --header 'Content-Type: application/json' --data "$RECORD" "$PORTUS_URL/api/v1/registries")
    [ "$got" = 201 ] || fail "POST /api/v1/registries answers $got: $(said)"
    echo "first set-up: recorded the registry $REGISTRY"
  fi
fi

. "$SCRIPTS/prove.sh"
