#!/bin/sh
# Writes into $WORK/state what migrate.sh finds: "empty", nothing that Portus would miss; "unseeded", tables without the hidden user that
# a first start makes last; "set-up". Into $WORK/newest goes the newest migration that was made. Runs in MariaDB's image. Environment: HOST, PORT, DATABASE, ACCOUNT, MYSQL_PWD, WORK.
set -eu

tries=90 # of two seconds each: a server that recovers, and a network that has yet to hear of this Pod
fail() {
  echo "migration: $1" >&2
  exit 1
}
query() { mariadb --host="$HOST" --port="$PORT" --user="$ACCOUNT" --connect-timeout=10 --batch --skip-column-names --execute="$1" "$DATABASE"; }

until said=$(query 'SELECT 1' 2>&1); do
  case "$said" in *'Access denied'* | *'Unknown database'*) fail "$said" ;; esac
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || fail "the database does not answer at $HOST:$PORT: $said"
  sleep 2
done

# Sets $answer; neither is ever called in a condition, where a query that fails would count as "no".
ask() {
  answer=$(query "$1") || fail "database $DATABASE stopped answering while it was looked at. Nothing was changed"
  case "$answer" in 0 | 1) ;; *) fail "the answer to '$1' is '$answer', neither 0 nor 1. Nothing was changed" ;; esac
}
has_rows() {
  ask "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '$1'"
  [ "$answer" = 0 ] || ask "SELECT EXISTS (SELECT 1 FROM $1)"
}

has_rows schema_migrations
migrations=$answer
has_rows users
users=$answer

case "$migrations$users" in
  11) state=set-up ;;
  10) state=unseeded ;;
  00)
    state=empty
    for table in namespaces registries repositories tags teams; do
      has_rows $table
      [ "$answer" = 0 ] || fail "database $DATABASE has rows in $table, and neither users nor a list of migrations: a restore that was cut off, or another application's. Nothing was changed"
    done
    ;;
  *) fail "database $DATABASE has users and no list of migrations, so nobody can tell what it lacks: restore a backup, or another database's name is meant. Nothing was changed" ;;
esac
: >"$WORK/newest"
if [ "$migrations" = 1 ]; then
  newest=$(query 'SELECT MAX(version) FROM schema_migrations') || fail "database $DATABASE stopped answering while it was looked at. Nothing was changed"
  echo "$newest" >"$WORK/newest"
fi
echo "migration: database $DATABASE is $state"
echo "$state" >"$WORK/state"
