#!/bin/bash
# Without arguments: lists the backups, a manifest a line, newest first; and a restore that was cut off.
# With the name of one: replaces the application's database by it. Portus must not run meanwhile (make restore sees to it). May be repeated
# whatever became of it: the backup is looked at before anything is touched, and from the first change to the last .restore says what was begun.
# $2: name of the backup that holds the state before. Environment: HOST, PORT, DATABASE, ACCOUNT, PASSWORD_FILE.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

if [ "$#" = 0 ]; then
  backups | while read -r name; do cat "$BACKUPS/$name/manifest.json"; done
  if [ -e "$RESTORE" ]; then cat "$RESTORE"; fi
  exit 0
fi

name=$1
[[ $name =~ ^$NAME$ && -e $BACKUPS/$name/manifest.json ]] || fail "$REFUSED" "there is no backup '$name'; there are: $(backups | paste --serial --delimiters=' ')"
folder=$BACKUPS/$name
(cd "$folder" && sha256sum --check --strict --quiet SHA256SUMS) || fail "$REFUSED" "backup $name is not what it was: its sums differ"
is_whole "$folder/portus.sql.gz" || fail "$REFUSED" "backup $name has no end"
exec 9> "$BACKUPS/.lock"
flock --nonblock 9 || fail "$BUSY" 'a backup or another restore is under way'
answers

printf '{"restore":"%s","before":"%s"}\n' "$name" "${2:-}" > "$RESTORE.new"
sync "$RESTORE.new"
mv "$RESTORE.new" "$RESTORE"
sync "$BACKUPS"

say "emptying database $DATABASE"
drops=$(database --execute "
  SELECT CONCAT('DROP ', IF(table_type = 'VIEW', 'VIEW', 'TABLE'), ' IF EXISTS \`', table_name, '\`;') FROM information_schema.tables WHERE table_schema = DATABASE()")
# Somebody who still reads a table would hold it for a day, MariaDB's own bound.
database <<< "SET SESSION lock_wait_timeout = 60, foreign_key_checks = 0; $drops"
say "loading backup $name"
# shellcheck disable=SC2016 # the backquotes are SQL's
# A view that another account made, in an older backup a trigger, too, becomes this one's, which may not make any in another's name. No row begins as these lines do.
gzip --decompress --stdout "$folder/portus.sql.gz" | sed -E '/^(\/\*!|CREATE )/ s/DEFINER=`[^`]*`@`[^`]*`//' | database
rows database | diff "$folder/tables.tsv" - || fail 1 'the database does not hold what the backup says'
rm "$RESTORE"
sync "$BACKUPS"
say "restored $name: $(awk -F '\t' '{ all += $2 } END { print all + 0 }' "$folder/tables.tsv") rows in $(wc -l < "$folder/tables.tsv") tables"
