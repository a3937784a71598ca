#!/bin/sh
# Brings the database to the schema of this image's Portus; look.sh has written $WORK/state. Never loads the schema where there is anything
# to lose, and lets no older Portus start on a newer one's database. "$@" is how rake is called. Environment: that of the web server, WORK,
# NEWEST (the release's last migration, where the image does not list its own), ACCEPT_NEWER ("yes" where the stack file accepts it).
set -eu
trap '' TERM # MariaDB cannot take back half a migration: whoever stops this Pod waits for its end

. "${0%/*}/environment.sh"
export SKIP_MIGRATION=1 # 2.0 to 2.2 would migrate while they load, before the task

known=$(ls /srv/Portus/db/migrate 2>/dev/null | sed -n 's/^\([0-9]\{14\}\)_.*/\1/p' | sort | tail -n 1)
known=${known:-$NEWEST}
made=$(cat "$WORK/newest")
if [ "${made:-0}" -gt "$known" ] && [ "$ACCEPT_NEWER" != yes ]; then
  echo "migration: a newer Portus has migrated the database to $made, and this one knows nothing after $known. Nothing was changed." \
    "Fix: set portus.version back to the newer one, then deploy; or go back to a backup (docs/operate/upgrade.md, \"Return to an older Portus\")" >&2
  exit 3
fi

migrate() {
  "$@" db:migrate && return
  echo "migration: failed. The backup before it is made once, for the first try: before you try again run make backup" >&2
  exit 1
}

case "$(cat "$WORK/state")" in
  empty) "$@" db:setup ;;
  unseeded)
    migrate "$@"
    "$@" db:seed
    ;;
  set-up) migrate "$@" ;;
  *)
    echo "migration: $WORK/state does not say what the database is. Nothing was changed" >&2
    exit 1
    ;;
esac
echo "migration: done"
