#!/bin/bash
# First step of a backup: dumps the application's database, and nothing else of the server, to where nobody takes it for a backup yet.
# Environment: HOST, PORT, DATABASE, ACCOUNT, PASSWORD_FILE; EMPTY: what becomes of a database that Portus has not
# set up: "yes" dumps it, as a restore does, "skip" makes no backup, as before an upgrade; else it is refused.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

exec 9> "$BACKUPS/.lock"
flock --shared --nonblock 9 || fail "$BUSY" 'a restore is under way'
[ ! -e "$RESTORE" ] || fail "$REFUSED" "a restore was cut off, so the database holds half of each state: repeat the restore ($(cat "$RESTORE"))"

rm -rf "$WORK"
mkdir -p "$WORK"
trap '[ "$?" = 0 ] || rm -rf "$WORK"' EXIT
find "$UNFINISHED" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} + # of runs that were killed; none lasts a day

until date -u +%Y%m%dT%H%M%SZ > "$WORK/name" && [ ! -e "$BACKUPS/$(cat "$WORK/name")" ]; do sleep 1; done # names are seconds
say "database $DATABASE at $HOST:$PORT as $ACCOUNT"
answers
database --execute 'SELECT VERSION()' > "$WORK/server"
rows database > "$WORK/before.tsv"
if grep -q $'^schema_migrations\t[1-9]' "$WORK/before.tsv"; then
  database --execute 'SELECT version FROM schema_migrations' | sort > "$WORK/versions"
elif [ "${EMPTY:-}" = yes ]; then
  : > "$WORK/versions"
elif [ "${EMPTY:-}" = skip ]; then
  rm -rf "$WORK"
  say 'Portus has set nothing up here yet: there is nothing to back up'
  exit 0
else
  fail "$REFUSED" 'Portus has set nothing up here (no rows in schema_migrations): there is nothing to back up'
fi

# Tables and views, which is all that Portus makes: routines, triggers and events ask for rights that Portus does without, as do locks when
# the dump is loaded.
MYSQL_PWD=$(cat "$PASSWORD_FILE") mariadb-dump --host="$HOST" --port="$PORT" --user="$ACCOUNT" --default-character-set=utf8mb4 \
  --single-transaction --quick --skip-triggers --skip-add-locks --hex-blob --no-tablespaces "$DATABASE" | gzip > "$WORK/portus.sql.gz"
rows database > "$WORK/after.tsv"
cut -f1 "$WORK/before.tsv" | cmp -s - <(cut -f1 "$WORK/after.tsv") || fail 1 'a table came or went meanwhile, as in an upgrade'
is_whole "$WORK/portus.sql.gz" || fail 1 'the dump has no end'
say "dumped $(wc -l < "$WORK/before.tsv") tables into $(stat --format=%s "$WORK/portus.sql.gz") bytes"
