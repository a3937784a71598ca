#!/bin/sh
# Makes the registry's record and the first administrator by the image's own rake tasks (Portus 2.1 to 2.3), where they are missing.
#
# Whether they are is known from $WORK/recorded, which ask-record.sh wrote. The administrator's password is an argument of the rake task,
# because the task takes it in no other way: it is seen inside this container only (docs/decisions/0004-first-set-up.md).
# Environment: that of the web server, and REGISTRY, ADMINISTRATOR, EMAIL, FILES (mounted Secret: password), WORK.
set -eu

# Nor does it import the CA, without which Portus refuses the registry's certificate; the 2016 image's user may do just this as root.
if [ "$(id -u)" = 0 ]; then
  cp /certificates/*.crt /etc/pki/trust/anchors/ 2>/dev/null || true # a link to the folder itself in some images
  update-ca-certificates
else
  sudo update-ca-certificates
fi

for name in SECRET_KEY_BASE PASSWORD DB_PASSWORD EMAIL_SMTP_PASSWORD LDAP_AUTHENTICATION_PASSWORD; do # the image's init would do this, but the task does not pass through it
  eval "file=\${PORTUS_${name}_FILE:-}"
  if [ -n "$file" ]; then
    eval "PORTUS_${name}=\$(cat \"\$file\"); export PORTUS_${name}"
  fi
done

if [ -e "$WORK/recorded" ]; then
  echo "first set-up: the registry $REGISTRY is recorded already"
else
  portusctl rake "portus:create_registry[registry,$REGISTRY,true,$REGISTRY]"
  echo "first set-up: recorded the registry $REGISTRY"
fi

if said=$(portusctl rake "portus:create_user[$ADMINISTRATOR,$EMAIL,$(cat "$FILES/password"),true]" 2>&1); then
  echo "first set-up: made the administrator $ADMINISTRATOR"
else
  case "$said" in # Rails' words for a name that exists: an earlier run made it
    *'already been taken'*) echo "first set-up: the user $ADMINISTRATOR exists already" ;;
    *)
      echo "first set-up: rake portus:create_user failed: $said" >&2
      exit 1
      ;;
  esac
fi
