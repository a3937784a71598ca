# shellcheck shell=bash
# What the steps of a backup and a restore share; each sources it. Where things lie on the claim, mounted at $BACKUPS:
#   20261124T021700Z/      a backup: portus.sql.gz, tables.tsv (table, rows), SHA256SUMS of both, manifest.json
#   .unfinished/<pod>/     what a run works on; a rename makes a backup of it, as the last thing of all
#   .restore               which restore has begun and not ended: its dump, and the one that holds the state before it
#   .lock                  held while the database is read (shared) or replaced (alone)
# shellcheck disable=SC2034 # for who sources this
set -euo pipefail
umask 0077
export LC_ALL=C

BACKUPS=${BACKUPS:-/backups}
UNFINISHED=$BACKUPS/.unfinished
WORK=$UNFINISHED/$HOSTNAME
RESTORE=$BACKUPS/.restore
NAME='[0-9]{8}T[0-9]{6}Z'

REFUSED=65 # nothing was touched, and trying again would not help (EX_DATAERR)
BUSY=75    # nothing was touched; later it may work (EX_TEMPFAIL)

say() { echo "$(date -u +%H:%M:%S) $*"; }
fail() {
  echo "error: $2" >&2
  exit "$1"
}

# The names of the backups, newest first.
backups() {
  find "$BACKUPS" -mindepth 2 -maxdepth 2 -name manifest.json | sed -nE "s:^.*/($NAME)/manifest.json\$:\1:p" | sort -r
}

# Statements to the database; "$@" are further options of the client. The password goes by environment.
database() {
  MYSQL_PWD=$(cat "$PASSWORD_FILE") mariadb --host="$HOST" --port="$PORT" --user="$ACCOUNT" --connect-timeout=10 \
    --default-character-set=utf8mb4 --batch --skip-column-names "$@" "$DATABASE"
}

# Waits for the database: it may be starting, and a network with policies takes a moment to know a new Pod.
answers() {
  local said tries=30
  until said=$(database --execute 'SELECT 1' 2>&1); do
    case $said in
      *'Access denied'* | *'Unknown database'*) fail "$REFUSED" "$said" ;;
    esac
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "$BUSY" "the database does not answer: $said"
    sleep 2
  done
}

# Whether the dump found nothing that an upgrade could lose.
is_skipped() { [ "${EMPTY:-}" = skip ] && [ ! -e "$WORK" ]; }

# A table and its rows a line, sorted; "$@" sends statements to a server.
rows() {
  local query='' table tables
  tables=$("$@" --execute "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'")
  while read -r table; do
    [ -z "$table" ] || query+="${query:+ UNION ALL }SELECT '$table', COUNT(*) FROM \`$table\`"
  done <<< "$tables"
  [ -z "$query" ] || "$@" --execute "$query" | sort
}

# Whether the dump $1 can be unpacked and has its end: mariadb-dump writes this line when all went well, and a broken pipe or a full disk loses it.
is_whole() {
  local last
  last=$(gzip --decompress --stdout "$1" 2>&1 | tail --lines=1) || return 1
  [[ $last == '-- Dump completed'* ]]
}
