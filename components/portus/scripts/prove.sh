# Sourced after the first set-up: one token round trip over the record, the issuer, the key and the realm.
# Environment: as in first-set-up-api.sh.
(umask 077 && printf 'machine %s login portus password %s\n' "$PORTUS_HOST" "$(cat "$FILES/portus-password")" >"$WORK/netrc")
got=$(status_of --netrc-file "$WORK/netrc" --get --data-urlencode "service=$REGISTRY" --data-urlencode 'account=portus' \
  --data-urlencode 'scope=registry:catalog:*' "$PORTUS_URL/v2/token")
[ "$got" = 200 ] || fail "GET /v2/token answers $got for Portus' own user: $(said)"
token=$(sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p' "$WORK/answer")
[ -n "$token" ] || fail "Portus' answer holds no token"
payload=$(printf '%s' "$token" | cut -d . -f 2 | tr '_-' '/+')
while [ $((${#payload} % 4)) -ne 0 ]; do payload="$payload="; done
printf '%s' "$payload" | base64 -d | grep -q '"access" *: *\[ *{' ||
  fail "Portus has no record of the registry $REGISTRY, so every push would be denied. Where it has none at all, it makes one at its next start: kubectl -n $NAMESPACE rollout restart deployment/portus. Where it has one under another name, rename it on the page Admin > Registries."

printf 'Authorization: Bearer %s\n' "$token" >"$WORK/bearer"
got=$(status_of --header "@$WORK/bearer" "$REGISTRY_URL/v2/_catalog?n=1")
rm -f "$WORK/bearer"
[ "$got" = 200 ] || fail "the registry answers $got to Portus' token: $(said)"
echo "first set-up: Portus and the registry $REGISTRY understand each other"
