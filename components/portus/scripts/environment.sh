# Sourced before rake is called: what the images' init sets for its own children only (docker/init of each branch).
for name in SECRET_KEY_BASE PASSWORD DB_PASSWORD EMAIL_SMTP_PASSWORD LDAP_AUTHENTICATION_PASSWORD; do
  eval "file=\${PORTUS_${name}_FILE:-}"
  if [ -n "$file" ]; then
    eval "PORTUS_${name}=\$(cat \"\$file\"); export PORTUS_${name}; unset PORTUS_${name}_FILE"
  fi
done
for folder in /srv/Portus/vendor/bundle/ruby/*; do
  if [ -d "$folder" ] && [ -z "${GEM_PATH:-}${PORTUS_GEM_GLOBAL:-}" ]; then
    export GEM_PATH="$folder"
  fi
done
if [ -d /srv/Portus ]; then cd /srv/Portus; fi
