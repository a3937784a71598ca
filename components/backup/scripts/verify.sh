#!/bin/bash
# Second step of a backup: loads the dump into a throw-away server, which nothing but this container reaches, and compares what it then holds
# with what the source said. Has no password; it shares the Pod's network with the dump, so the database could be reached, and lets nobody in.
# Environment: SCRATCH, an empty folder.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
SCRATCH=${SCRATCH:-/scratch}
socket=$SCRATCH/server.sock

if is_skipped; then exit 0; fi
server=

finish() {
  local code=$?
  [ -z "$server" ] || kill -KILL "$server" 2> /dev/null || true # its data are thrown away
  [ "$code" = 0 ] || rm -rf "$WORK"
}
trap finish EXIT
is_whole "$WORK/portus.sql.gz" || fail 1 'the dump has no end'

copy() { mariadb --no-defaults --socket="$socket" --default-character-set=utf8mb4 --batch --skip-column-names "$@" copy; }

find "$SCRATCH" -mindepth 1 -delete
# Of a server that nobody keeps: no wait for the disk, no accounts, no network.
options=(--no-defaults --datadir="$SCRATCH/data" --tmpdir="$SCRATCH" --skip-log-bin --innodb-buffer-pool-size=64M --innodb-log-file-size=16M
  --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --character-set-server=utf8 --collation-server=utf8_unicode_ci)
mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal --skip-test-db > "$SCRATCH/install.log" 2>&1
mariadbd "${options[@]}" --socket="$socket" --pid-file="$SCRATCH/server.pid" --skip-networking --skip-grant-tables > "$SCRATCH/server.log" 2>&1 &
server=$!
until mariadb --no-defaults --socket="$socket" --execute 'CREATE DATABASE IF NOT EXISTS copy' > /dev/null 2>&1; do
  kill -0 "$server" 2> /dev/null || { tail --lines=20 "$SCRATCH"/*.log; fail 1 'the throw-away server ended'; }
  sleep 0.2
done

gzip --decompress --stdout "$WORK/portus.sql.gz" | copy
rows copy > "$WORK/tables.tsv"
cut -f1 "$WORK/before.tsv" | diff - <(cut -f1 "$WORK/tables.tsv") || fail 1 'the dump does not hold the tables that the database has'
# The database is read before and after the dump, which lies in between; where nobody writes meanwhile, all three say the same.
paste "$WORK/before.tsv" "$WORK/after.tsv" "$WORK/tables.tsv" | awk -F '\t' '
  { least = $2 + 0 < $4 + 0 ? $2 : $4; most = $2 + 0 < $4 + 0 ? $4 : $2; all += $6 }
  $6 + 0 < least + 0 || $6 + 0 > most + 0 { print "error: table " $1 " has " $6 " rows in the dump, " least " to " most " in the database"; wrong = 1 }
  END { if (!wrong) print all + 0 " rows in " NR " tables, as in the database"; exit wrong }
' || fail 1 'the dump does not hold the rows that the database has'
if [ -s "$WORK/versions" ]; then
  copy --execute 'SELECT version FROM schema_migrations' | sort | diff "$WORK/versions" - || fail 1 'the dump is of another version of the schema'
fi
touch "$WORK/verified"
say 'loaded into a throw-away server and compared'
