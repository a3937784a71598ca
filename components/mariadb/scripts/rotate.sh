#!/bin/sh
# One step of a rotation: "accept" lets every account hold its new password besides the previous one, "keep" revokes the previous one.
#
# Changes nothing where that is so already, so it may run any number of times; after a first start with the new passwords, too.
# Environment: NAMESPACE (of this Pod), HOST, PORT, ACCOUNT (of the rotation), FILES (mounted Secrets: login-<n>, root's
# passwords, and hash-<role>), LINGER_SECONDS.
set -eu

tries=60 # of two seconds each: a server that is being started

fail() {
  echo "rotation: $1" >&2
  exit 1
}
session() { mariadb --host "$HOST" --port "$PORT" --user "$ACCOUNT" --connect-timeout 10 --batch --skip-column-names 2>&1; }

# The newest password that the server knows: the rotation's account has root's, which may be rotated by this very run.
log_in() {
  refused=''
  for file in $(ls -r "$FILES"/login-*); do
    MYSQL_PWD=$(cat "$file")
    export MYSQL_PWD
    if said=$(echo 'SELECT 1;' | session); then return 0; fi
    case "$said" in
      *'Access denied'*) refused=$said ;;
      *) return 1 ;;
    esac
  done
  fail "the server refuses the account $ACCOUNT ($refused). A database that was made before there was rotation lacks it: kubectl -n $NAMESPACE exec mariadb-0 -- sh /docker-entrypoint-initdb.d/accounts.sh"
}

if [ "$1" = keep ]; then sleep "$LINGER_SECONDS"; fi # Pods that were told to stop may still open a connection until they are killed

until log_in; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || fail "the server does not answer at $HOST:$PORT ($said)"
  sleep 2
done

statements=''
roles=''
for file in "$FILES"/hash-*; do # root last: it is this session's own
  role=${file##*/hash-}
  statements="$statements CALL portus_rotation.$1('$role', '$(cat "$file")');"
  roles="$roles $role"
done
said=$(echo "$statements" | session) || fail "$said"
case "$1" in
  accept) echo "rotation: previous and new password are accepted of:$roles" ;;
  keep) echo "rotation: the new password alone is accepted of:$roles" ;;
esac
