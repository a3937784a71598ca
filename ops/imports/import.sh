# shellcheck shell=bash
# First step of an import, in place of a backup's dump.sh: takes a dump from this program, loads it into a throw-away server, converts its
# character set, corrects the record of the registry, and dumps that as a backup's dump is. The steps after it verify and publish that as
# they do every backup.
# Environment: SCRATCH, an empty folder; SIZE and SHA256 of what arrives; CHARSET of its text; EXPECTED ("<table>=<rows> ..."); REGISTRY, host
# and port of the stack's; PATIENCE, seconds without a further byte after which the wait ends. Has no password and asks no database.
# shellcheck source=/dev/null
. "${SCRIPTS:-/scripts}/common.sh"
SCRATCH=${SCRATCH:-/scratch}
socket=$SCRATCH/server.sock
server=

finish() {
  local code=$?
  [ -z "$server" ] || kill -KILL "$server" 2> /dev/null || true # its data are thrown away
  [ "$code" = 0 ] || rm -rf "$WORK"
}
trap finish EXIT
rm -rf "$WORK"
mkdir -p "$WORK"
until date -u +%Y%m%dT%H%M%SZ > "$WORK/name" && [ ! -e "$BACKUPS/$(cat "$WORK/name")" ]; do sleep 1; done # names are seconds

say "waiting for $SIZE bytes"
seen=0 idle=0
until [ "$seen" -ge "$SIZE" ]; do
  now=$(stat --format=%s "$WORK/upload" 2> /dev/null || echo 0)
  if [ "$now" = "$seen" ]; then idle=$((idle + 1)); else idle=0; fi
  seen=$now
  [ "$idle" -lt "${PATIENCE:-120}" ] || fail "$REFUSED" "the dump stopped arriving after $seen of $SIZE bytes"
  [ "$seen" -ge "$SIZE" ] || sleep 1
done
echo "$SHA256  $WORK/upload" | sha256sum --check --strict --quiet || fail "$REFUSED" 'what arrived is not what was sent'

copy() { mariadb --no-defaults --socket="$socket" --default-character-set="${CHARSET_OF_CLIENT:-utf8mb4}" --batch --skip-column-names "$@" copy; }

find "$SCRATCH" -mindepth 1 -delete
options=(--no-defaults --datadir="$SCRATCH/data" --tmpdir="$SCRATCH" --skip-log-bin --innodb-buffer-pool-size=64M --innodb-log-file-size=16M
  --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --character-set-server=utf8 --collation-server=utf8_unicode_ci
  --max-allowed-packet=1G)
mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal --skip-test-db > "$SCRATCH/install.log" 2>&1
mariadbd "${options[@]}" --socket="$socket" --pid-file="$SCRATCH/server.pid" --skip-networking --skip-grant-tables > "$SCRATCH/server.log" 2>&1 &
server=$!
until mariadb --no-defaults --socket="$socket" --execute 'CREATE DATABASE IF NOT EXISTS copy' > /dev/null 2>&1; do
  kill -0 "$server" 2> /dev/null || { tail --lines=20 "$SCRATCH"/*.log; fail "$REFUSED" 'the throw-away server ended'; }
  sleep 0.2
done

say 'loading it'
unpacked() { if [ "$(head --bytes=2 "$WORK/upload" | od -An -tx1)" = ' 1f 8b' ]; then gzip --decompress --stdout "$WORK/upload"; else cat "$WORK/upload"; fi; }
unpacked | CHARSET_OF_CLIENT=$CHARSET copy --max-allowed-packet=1G || fail "$REFUSED" 'MariaDB refuses the dump'
rm "$WORK/upload"

# Portus needs utf8; names that differ only by case, which utf8_bin took, are an error here and not later.
good="IN ('utf8mb3_unicode_ci', 'utf8mb3_general_ci', 'utf8_unicode_ci', 'utf8_general_ci')"
query="SELECT table_name FROM information_schema.tables t WHERE table_schema = DATABASE() AND (NOT table_collation $good OR EXISTS (SELECT 1
  FROM information_schema.columns c WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND NOT c.collation_name $good))"
copy --execute "$query" | while read -r table; do
  say "converting table $table to utf8"
  copy <<< "SET SESSION foreign_key_checks = 0, sql_mode = 'STRICT_ALL_TABLES';
    ALTER TABLE \`$table\` CONVERT TO CHARACTER SET utf8 COLLATE utf8_unicode_ci" || fail "$REFUSED" "table $table cannot be utf8"
done

# Tokens grant nothing unless the record names the stack's registry; 2.0 has no external name.
values="hostname = '$REGISTRY', use_ssl = 1"
query="SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'registries' AND column_name = 'external_hostname'"
[ -z "$(copy --execute "$query")" ] || values="$values, external_hostname = '$REGISTRY'"
copy --execute "UPDATE registries SET $values"

rows copy > "$WORK/before.tsv"
cp "$WORK/before.tsv" "$WORK/after.tsv"
for each in $EXPECTED; do
  grep --quiet --line-regexp "${each%=*}"$'\t'"${each#*=}" "$WORK/before.tsv" || fail "$REFUSED" "the load does not have $each rows, as the dump has"
done
copy --execute 'SELECT VERSION()' > "$WORK/server"
copy --execute 'SELECT version FROM schema_migrations' | sort > "$WORK/versions"
mariadb-dump --no-defaults --socket="$socket" --default-character-set=utf8mb4 --single-transaction --quick --skip-triggers --skip-add-locks \
  --hex-blob --no-tablespaces copy | gzip > "$WORK/portus.sql.gz"
is_whole "$WORK/portus.sql.gz" || fail "$REFUSED" 'the converted dump has no end'
kill -KILL "$server"
wait "$server" 2> /dev/null || true
server=
find "$SCRATCH" -mindepth 1 -delete
say "imported $(wc -l < "$WORK/before.tsv") tables"
