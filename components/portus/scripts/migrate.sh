#!/bin/sh
# Brings the database to the schema of this image's Portus; look.sh has written $WORK/state. Never loads the schema where there is anything
# to lose. "$@" is how rake is called. Environment: that of the web server, and WORK.
set -eu
trap '' TERM # MariaDB cannot take back half a migration: whoever stops this Pod waits for its end

for name in SECRET_KEY_BASE PASSWORD DB_PASSWORD EMAIL_SMTP_PASSWORD LDAP_AUTHENTICATION_PASSWORD; do # the image's init would do this, but the task does not pass through it
  eval "file=\${PORTUS_${name}_FILE:-}"
  if [ -n "$file" ]; then
    eval "PORTUS_${name}=\$(cat \"\$file\"); export PORTUS_${name}"
  fi
done
export SKIP_MIGRATION=1 # 2.0 to 2.2 would migrate while they load, before the task

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
