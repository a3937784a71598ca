#!/bin/sh
# Makes the registry's record where there is none, and the first administrator where Portus has no user but its own, by the image's own rake
# tasks (Portus 2.1 to 2.3).
#
# Whether there is a record is known from $WORK/recorded, which ask-record.sh wrote. The administrator's password is an argument of the rake
# task, because the task takes it in no other way: it is seen inside this container only (docs/decisions/README.md#4-first-set-up).
# Environment: that of the web server, and REGISTRY, ADMINISTRATOR, EMAIL, FILES (mounted Secret: password), WORK.
set -eu

# Nor does it import the CA, without which Portus refuses the registry's certificate; the 2016 image's user may do just this as root.
if [ "$(id -u)" = 0 ]; then
  cp /certificates/*.crt /etc/pki/trust/anchors/ 2>/dev/null || true # a link to the folder itself in some images
  update-ca-certificates
else
  sudo update-ca-certificates
fi

. "${0%/*}/environment.sh"

if [ -e "$WORK/recorded" ]; then
  echo "first set-up: the registry $REGISTRY is recorded already"
else
  portusctl rake "portus:create_registry[registry,$REGISTRY,true,$REGISTRY]"
  echo "first set-up: recorded the registry $REGISTRY"
fi

# Without a name the task lists the users, in one line of Ruby's, and ends with a code that is not 0.
listed=$(portusctl rake portus:make_admin 2>&1) || true
case "$(printf '%s\n' "$listed" | grep -E '^\[(".*")?]$' | tail -n 1)" in
  '[]' | '["portus"]') ;;
  '')
    echo "first set-up: rake portus:make_admin does not list the users: $listed" >&2
    exit 1
    ;;
  *)
    echo "first set-up: Portus has users already, so no administrator is made"
    exit 0
    ;;
esac

password=$(cat "$FILES/password")
case "$password" in
  '' | *[!A-Za-z0-9]*)
    echo "first set-up: the administrator's password is not letters and digits alone, which rake would take for its own signs" >&2
    exit 1
    ;;
esac
if said=$(portusctl rake "portus:create_user[$ADMINISTRATOR,$EMAIL,$password,true]" 2>&1); then
  echo "first set-up: made the administrator $ADMINISTRATOR"
else
  # portusctl repeats the command that failed, password and all.
  echo "first set-up: rake portus:create_user failed: $(printf '%s\n' "$said" | grep -v -F -f "$FILES/password")" >&2
  exit 1
fi
