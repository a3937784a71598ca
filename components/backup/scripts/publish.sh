#!/bin/bash
# Last step of a backup: gives the dump that was verified its name, then removes the oldest backups beyond KEEP, but never the newest of a
# Portus version, which is the way back from an upgrade. Whatever fails before leaves the others as they are.
# Environment: KEEP, a number or "all"; DATABASE, and for the manifest PORTUS_VERSION and MIGRATIONS ("<version>=<its last migration> ...",
# oldest first); EMPTY: "skip" is a backup before an upgrade, whose database is still the previous version's.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

if is_skipped; then exit 0; fi
[[ $KEEP == all || $KEEP =~ ^[1-9][0-9]*$ ]] || fail "$REFUSED" "KEEP is '$KEEP'"
[ -e "$WORK/verified" ] || fail 1 'there is no verified dump'
name=$(cat "$WORK/name")
schema=$(tail --lines=1 "$WORK/versions")
portus=$PORTUS_VERSION # where the schema is none of a release's
for release in ${MIGRATIONS:-}; do
  if [[ -n $schema && ! $schema > ${release#*=} ]]; then
    portus=${release%%=*}
    break
  fi
done
# Two releases may have the same last migration: then it is the one that runs.
if [[ ${EMPTY:-} != skip && " ${MIGRATIONS:-} " == *" $PORTUS_VERSION=$schema "* ]]; then portus=$PORTUS_VERSION; fi
bytes=$(stat --format=%s "$WORK/portus.sql.gz")
tables=$(awk -F '\t' '{ printf "%s\"%s\":%s", separator, $1, $2; separator = "," }' "$WORK/tables.tsv")
(cd "$WORK" && sha256sum portus.sql.gz tables.tsv > SHA256SUMS)
printf '{"name":"%s","portus":"%s","database":"%s","server":"%s","schema":"%s","bytes":%s,"sha256":"%s","tables":{%s}}\n' \
  "$name" "$portus" "$DATABASE" "$(cat "$WORK/server")" "$schema" "$bytes" \
  "$(cut -d ' ' -f 1 "$WORK/SHA256SUMS" | head --lines=1)" "$tables" > "$WORK/manifest.json"
rm "$WORK"/{name,server,versions,before.tsv,after.tsv,verified}
sync "$WORK"/* "$WORK"
mv --no-target-directory "$WORK" "$BACKUPS/$name"
sync "$BACKUPS"
say "backup $name: $bytes bytes"

# The names of the backups that go, oldest last.
surplus() {
  local each version number=0 seen=' '
  backups | while read -r each; do
    number=$((number + 1))
    version=$(sed -nE 's/^.*"portus":"([^"]*)".*$/\1/p' "$BACKUPS/$each/manifest.json")
    if [ "$number" -gt "$KEEP" ] && [[ $seen == *" $version "* ]]; then echo "$each"; fi
    seen+="$version "
  done
}

[ "$KEEP" = all ] || surplus | while read -r old; do
  mv "$BACKUPS/$old" "$UNFINISHED/$old" # no half of it is ever taken for a backup
  rm -rf "${UNFINISHED:?}/$old"
  say "removed $old: $KEEP are kept, and the newest of each Portus version"
done
cat "$BACKUPS/$name/manifest.json"
