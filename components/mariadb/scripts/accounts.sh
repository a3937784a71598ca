#!/bin/sh
# Makes the backups' account, the rotation's and, where it was lost, Portus' own with its rights. The image's entry point runs it at the server's first start, while only the socket answers;
# it may be run again at any time, which brings a database up to it that was made before.
# Passwords go by environment and standard input, never as arguments.
# Environment: ACCOUNTS_CREDENTIALS (mounted Secret), ACCOUNTS_ROTATION_SQL (a file), ACCOUNTS_BACKUP_USER, ACCOUNTS_ROTATION_USER, MARIADB_DATABASE, MARIADB_USER.
set -eu

quoted() { sed -e 's/\\/\\\\/g' -e "s/'/''/g" "$ACCOUNTS_CREDENTIALS/$1"; }

for file in root-password previous-root-password; do # in the middle of a rotation the server may not know the new one yet
  MYSQL_PWD="$(cat "$ACCOUNTS_CREDENTIALS/$file")"
  export MYSQL_PWD
  if echo 'SELECT 1;' | mariadb --user=root --protocol=socket >/dev/null 2>&1; then break; fi
done

{
  cat <<SQL
CREATE USER IF NOT EXISTS '$MARIADB_USER'@'%' IDENTIFIED BY '$(quoted password)';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
CREATE USER IF NOT EXISTS '$ACCOUNTS_BACKUP_USER'@'%' IDENTIFIED BY '$(quoted backup-password)';
GRANT SELECT, LOCK TABLES, SHOW VIEW ON \`$MARIADB_DATABASE\`.* TO '$ACCOUNTS_BACKUP_USER'@'%';
SQL
  cat "$ACCOUNTS_ROTATION_SQL"
  cat <<SQL
REPLACE INTO accounts VALUES
  ('root', 'root', 'localhost'), ('root', '$ACCOUNTS_ROTATION_USER', '%'),
  ('application', '$MARIADB_USER', '%'), ('backup', '$ACCOUNTS_BACKUP_USER', '%');
CREATE USER IF NOT EXISTS '$ACCOUNTS_ROTATION_USER'@'%' IDENTIFIED BY '$(quoted $file)';
ALTER USER '$ACCOUNTS_ROTATION_USER'@'%' IDENTIFIED BY '$(quoted $file)';
GRANT EXECUTE ON PROCEDURE accept TO '$ACCOUNTS_ROTATION_USER'@'%';
GRANT EXECUTE ON PROCEDURE keep TO '$ACCOUNTS_ROTATION_USER'@'%';
SQL
} | mariadb --user=root --protocol=socket
unset MYSQL_PWD
