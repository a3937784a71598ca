#!/bin/sh
# Whether Portus can live in a database that somebody else runs: it answers, the account is right, the character set and the account's rights
# are what Portus needs. Changes nothing. Portus itself says "DB_DOWN" to each of these (SUSE/Portus#1445) and gives up after three minutes.
# Connects as Portus does: without TLS, for database.yml has no key for it, and by mysql_native_password alone, for its images have no other
# plugin. This client would use both by itself.
# Environment: HOST, PORT, DATABASE, ACCOUNT, MYSQL_PWD (read by the client itself).
set -eu

tries=30 # of two seconds each: a server that is being started

fail() {
  echo "database $DATABASE at $HOST:$PORT: $1" >&2
  exit 1
}
ask() {
  mariadb --host "$HOST" --port "$PORT" --user "$ACCOUNT" --protocol=tcp --skip-ssl --default-auth=mysql_native_password \
    --plugin-dir=/nonexistent --connect-timeout 10 --batch --skip-column-names --execute "$1" "$DATABASE" 2>&1
}
demanded_of_all() { # fails where TLS makes no difference; prints 1 where it is demanded of every connection
  mariadb --host "$HOST" --port "$PORT" --user "$ACCOUNT" --protocol=tcp --ssl --skip-ssl-verify-server-cert --connect-timeout 10 \
    --batch --skip-column-names --execute 'SELECT @@require_secure_transport' "$DATABASE" 2>/dev/null
}
needs_tls() {
  fail "$1, and Portus speaks to its database without TLS (its database.yml has no key for it). Fix: $2; or let Portus use a TLS proxy, such as stunnel or ProxySQL, that runs in the cluster (database.host) and speaks TLS to the server; or use a database of the stack (database.kind: in_cluster)"
}
needs_tls_of_all() {
  needs_tls "it demands TLS of every connection (require_secure_transport)" \
    "SET GLOBAL require_secure_transport=OFF, and in the server's configuration, where the network to it is trusted"
}
native='IDENTIFIED VIA mysql_native_password (MariaDB) or IDENTIFIED WITH mysql_native_password (MySQL up to 8.4, whose option mysql_native_password must be switched on)'

until said=$(ask 'SELECT 1'); do
  case "$said" in
    *'insecure transport are prohibited'* | *'ERROR 3159 '*) needs_tls_of_all ;;
    *caching_sha2_password* | *sha256_password* | *'uthentication plugin'* | *'ERROR 1251 '* | *'ERROR 2059 '*)
      fail "the account $ACCOUNT logs in by a plugin that Portus' images do not have ($said). Fix: ALTER USER '$ACCOUNT'@'%' $native; or use MariaDB, or a database of the stack (database.kind: in_cluster)"
      ;;
  esac
  case "$said" in
    *'Access denied'*) # MariaDB says no more than this to a connection without TLS
      if of_all=$(demanded_of_all); then
        [ "$of_all" != 1 ] || needs_tls_of_all
        needs_tls "it demands TLS of the account $ACCOUNT" "ALTER USER '$ACCOUNT'@'%' REQUIRE NONE, where the network to it is trusted"
      fi
      ;;
  esac
  case "$said" in
    *'Access denied for user'*'to database'*) fail "the account $ACCOUNT has no right to it: GRANT ALL ON $DATABASE.* TO '$ACCOUNT'@'%'" ;;
    *'Access denied'*) fail "it refuses the account $ACCOUNT or its password ($said)" ;;
    *'Unknown database'*) fail "the server has no such database: CREATE DATABASE $DATABASE CHARACTER SET utf8 COLLATE utf8_unicode_ci" ;;
  esac
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || fail "it does not answer ($said)"
  sleep 2
done

set -- $(ask "SELECT default_character_set_name, default_collation_name, (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE())
  FROM information_schema.schemata WHERE schema_name = DATABASE()")
case "$1 $3" in
  'utf8 0' | 'utf8mb3 0')
    case "$2" in
      utf8_unicode_ci | utf8mb3_unicode_ci) ;;
      *) fail "its collation is $2: ALTER DATABASE $DATABASE CHARACTER SET utf8 COLLATE utf8_unicode_ci (it has no tables yet)" ;;
    esac
    ;;
  *' 0') fail "its character set is $1, and mixed ones end Portus' worker: ALTER DATABASE $DATABASE CHARACTER SET utf8 COLLATE utf8_unicode_ci" ;;
  utf8*) echo "database $DATABASE: has $3 tables already; character set $1, collation $2 are kept" ;;
  *) fail "its character set is $1, in which Portus' worker ends at the first name outside it (SUSE/Portus#1688): convert its tables to utf8" ;;
esac

has=$(ask "SELECT privilege_type FROM information_schema.schema_privileges WHERE REPLACE(table_schema, '\\\\', '') = DATABASE()
  UNION SELECT privilege_type FROM information_schema.user_privileges")
missing=''
for right in SELECT INSERT UPDATE DELETE CREATE DROP ALTER INDEX REFERENCES; do
  case "
$has
" in
    *"
$right
"*) ;;
    *) missing="$missing $right" ;;
  esac
done
[ -z "$missing" ] || fail "the account $ACCOUNT lacks$missing, and Portus makes and changes its own tables: GRANT ALL ON $DATABASE.* TO '$ACCOUNT'@'%'"
echo "database $DATABASE at $HOST:$PORT: fit for Portus"
