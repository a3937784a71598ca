#!/bin/bash
# First start, upgrade and start of the server, by the contract of the official MariaDB image (its documented variables, files and
# folders). Left out, and refused: replication set-up (MARIADB_REPLICATION_*, MARIADB_MASTER_*), MARIADB_MYSQL_LOCALHOST_*.
# One thing more than there: a first start that was cut off is begun again, instead of leaving a server without its users.
set -Eeuo pipefail
shopt -s nullglob

INITDB=/docker-entrypoint-initdb.d
SETTINGS=(ROOT_PASSWORD ROOT_PASSWORD_HASH ROOT_HOST DATABASE USER PASSWORD PASSWORD_HASH)
SWITCHES=(ALLOW_EMPTY_ROOT_PASSWORD RANDOM_ROOT_PASSWORD INITDB_SKIP_TZINFO AUTO_UPGRADE DISABLE_UPGRADE_BACKUP HEALTHCHECK_GRANTS)
temporary_server=

log() { printf '%(%Y-%m-%d %H:%M:%S)T [%s] [Entrypoint]: %s\n' -1 "$1" "$2"; }
note() { log Note "$1"; }
fail() { log ERROR "$1" >&2; exit 1; }

main() {
	if [[ $# -eq 0 || ${1:0:1} == - ]]; then set -- mariadbd "$@"; fi
	if [[ $1 != mariadbd && $1 != mysqld ]] || asks_for_help "$@"; then exec "$@"; fi

	note "MariaDB image of the lab, $(mariadbd --version)"
	refuse_what_is_not_offered
	read -r DATADIR PORT SOCKET <<< "$(server_values "$@")"
	mkdir -p "$DATADIR"
	if [[ $(id -u) == 0 ]]; then become_mysql "$@"; fi
	read_settings

	if [[ -e $DATADIR/.first-start-unfinished ]]; then
		note "An earlier first start was cut off; beginning again"
		find "$DATADIR" -mindepth 1 -delete
	fi
	if [[ ! -d $DATADIR/mysql ]]; then
		first_start "$@"
	elif needs_upgrade; then
		upgrade "$@"
	fi
	forget_settings
	exec "$@"
}

asks_for_help() {
	local word
	for word in "$@"; do
		case $word in -'?' | --help | --print-defaults | -V | --version) return 0 ;; esac
	done
	return 1
}

refuse_what_is_not_offered() {
	local name
	for name in $(compgen -e); do
		case $name in
		MARIADB_REPLICATION_* | MARIADB_MASTER_* | MARIADB_MYSQL_LOCALHOST_*) fail "$name is not offered by the lab's image" ;;
		esac
	done
}

# What the server itself will use, options, files and defaults together; it lists its settings by name.
server_values() {
	"$@" --verbose --help --log-bin-index="$(mktemp -u)" 2> /dev/null | awk '/^(datadir|port|socket) / { printf "%s ", $2 }'
}

become_mysql() {
	local folder
	for folder in "$DATADIR" "$(dirname "$SOCKET")"; do
		mkdir -p "$folder"
		find "$folder" ! -user mysql -exec chown mysql: {} +
	done
	exec setpriv --reuid mysql --regid mysql --init-groups "$0" "$@"
}

# --- settings ---------------------------------------------------------------------------------------------------------------------

# $1 from MARIADB_$1, else MYSQL_$1 (the older name); each may come from the file that <name>_FILE names instead.
read_setting() {
	local older=MYSQL_$1 name=MARIADB_$1 variable
	for variable in "$older" "$name"; do
		local file=${variable}_FILE
		if [[ -z ${!file:-} ]]; then continue; fi
		if [[ -n ${!variable:-} ]]; then fail "Both $variable and $file are set (but are exclusive)"; fi
		[[ -r ${!file} ]] || fail "$file names ${!file}, which cannot be read"
		export "$variable=$(< "${!file}")"
		unset "$file"
	done
	if [[ -z ${!name:-} && -n ${!older:-} ]]; then export "$name=${!older}"; fi
	if [[ -z ${!name:-} ]]; then export "$name=${2:-}"; fi
}

read_settings() {
	local name
	for name in "${SETTINGS[@]}" "${SWITCHES[@]}"; do
		case $name in
		ROOT_HOST) read_setting ROOT_HOST % ;;
		HEALTHCHECK_GRANTS) read_setting HEALTHCHECK_GRANTS USAGE ;;
		*) read_setting "$name" ;;
		esac
	done
}

forget_settings() {
	local name
	for name in "${SETTINGS[@]}"; do unset "MARIADB_$name" "MYSQL_$name"; done
}

check_settings() {
	local others=$MARIADB_ROOT_PASSWORD$MARIADB_ALLOW_EMPTY_ROOT_PASSWORD$MARIADB_RANDOM_ROOT_PASSWORD
	if [[ -z $others$MARIADB_ROOT_PASSWORD_HASH ]]; then
		fail "Database is uninitialized and password option is not specified. Specify one of MARIADB_ROOT_PASSWORD, \
MARIADB_ROOT_PASSWORD_HASH, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD"
	fi
	if [[ -n $others && -n $MARIADB_ROOT_PASSWORD_HASH ]]; then
		fail "Cannot specify MARIADB_ROOT_PASSWORD_HASH and another MARIADB_ROOT_PASSWORD* option."
	fi
	if [[ -n $MARIADB_PASSWORD && -n $MARIADB_PASSWORD_HASH ]]; then
		fail "Cannot specify MARIADB_PASSWORD_HASH and MARIADB_PASSWORD option."
	fi
}

# --- first start ------------------------------------------------------------------------------------------------------------------

first_start() {
	check_settings
	touch "$DATADIR/.first-start-unfinished"
	note "Initializing database files"
	mariadb-install-db --datadir="$DATADIR" --rpm --auth-root-authentication-method=normal --skip-test-db \
		--old-mode= --default-time-zone=SYSTEM --enforce-storage-engine= --skip-log-bin --expire-logs-days=0 \
		--loose-innodb_buffer_pool_load_at_startup=0 --loose-innodb_buffer_pool_dump_at_shutdown=0 "${@:2}" > /dev/null
	record_version
	start_temporary_server "$@"
	load_time_zones
	if [[ -n $MARIADB_RANDOM_ROOT_PASSWORD ]]; then
		MARIADB_ROOT_PASSWORD=$(random_word)
		note "GENERATED ROOT PASSWORD: $MARIADB_ROOT_PASSWORD"
	fi
	first_start_sql | as_root --no-password --database=mysql
	run_initdb_files
	stop_temporary_server
	rm "$DATADIR/.first-start-unfinished"
	note "MariaDB init process done. Ready for start up."
}

start_temporary_server() {
	note "Starting temporary server"
	"$@" --skip-networking --default-time-zone=SYSTEM --socket="$SOCKET" --wsrep_on=OFF --expire-logs-days=0 --skip-slave-start \
		--loose-innodb_buffer_pool_load_at_startup=0 --skip-ssl &
	temporary_server=$!
	trap 'kill "$temporary_server" 2> /dev/null; wait "$temporary_server"; exit 143' TERM INT
	local attempt
	for ((attempt = 0; attempt < 600; attempt++)); do
		kill -0 "$temporary_server" 2> /dev/null || fail "The temporary server ended before it was ready"
		if mariadb-admin --no-defaults --socket="$SOCKET" --user=nobody ping &> /dev/null; then return; fi
		sleep 0.1
	done
	fail "The temporary server was not ready within 60 s"
}

stop_temporary_server() {
	note "Stopping temporary server"
	kill "$temporary_server"
	wait "$temporary_server" || fail "The temporary server did not end cleanly"
	trap - TERM INT
}

# Statements from standard input. The password travels in the environment, never in an argument. Scripts in initdb.d may call
# this by the official image's name for it, docker_process_sql.
as_root() {
	local password=$MARIADB_ROOT_PASSWORD
	if [[ ${1:-} == --no-password || ${1:-} == --dont-use-mysql-root-password ]]; then password= && shift; fi
	local database=()
	if [[ -n $MARIADB_DATABASE ]]; then database=(--database="$MARIADB_DATABASE"); fi
	MYSQL_PWD=$password mariadb --no-defaults --protocol=socket --user=root --host=localhost --socket="$SOCKET" \
		--comments "${database[@]}" "$@"
}
docker_process_sql() { as_root "$@"; }

load_time_zones() {
	if [[ -n $MARIADB_INITDB_SKIP_TZINFO ]]; then return; fi
	mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2> /dev/null | as_root --no-password --database=mysql
}

quoted() { # as an SQL string
	local text=${1//\\/\\\\}
	printf "'%s'" "${text//\'/\\\'}"
}
identifier() { printf '`%s`' "${1//\`/\`\`}"; }

first_start_sql() {
	echo "SET @@SESSION.SQL_LOG_BIN=0;"
	echo "SET @@SESSION.SQL_MODE=REPLACE(@@SESSION.SQL_MODE, 'NO_BACKSLASH_ESCAPES', '');"
	echo "DROP USER IF EXISTS root@'127.0.0.1', root@'::1';"
	echo "EXECUTE IMMEDIATE CONCAT('DROP USER IF EXISTS root@''', @@hostname, '''');"
	local identified
	identified=$(identified_by "$MARIADB_ROOT_PASSWORD" "$MARIADB_ROOT_PASSWORD_HASH")
	if [[ -n $MARIADB_ROOT_HOST && $MARIADB_ROOT_HOST != localhost ]]; then
		echo "CREATE USER root@$(quoted "$MARIADB_ROOT_HOST") $identified;"
		echo "GRANT ALL ON *.* TO root@$(quoted "$MARIADB_ROOT_HOST") WITH GRANT OPTION;"
		echo "GRANT PROXY ON ''@'%' TO root@$(quoted "$MARIADB_ROOT_HOST") WITH GRANT OPTION;"
	fi
	healthcheck_user_sql
	if [[ -n $MARIADB_DATABASE ]]; then echo "CREATE DATABASE IF NOT EXISTS $(identifier "$MARIADB_DATABASE");"; fi
	application_user_sql
	echo "ALTER USER root@localhost $identified;" # last: from here on this session's user has a password
}

identified_by() {
	if [[ -n $2 ]]; then
		printf 'IDENTIFIED BY PASSWORD %s' "$(quoted "$2")"
	else
		printf 'IDENTIFIED BY %s' "$(quoted "$1")"
	fi
}

application_user_sql() {
	if [[ -z $MARIADB_USER ]]; then return; fi
	if [[ -z $MARIADB_PASSWORD$MARIADB_PASSWORD_HASH ]]; then
		log Warn "MARIADB_USER is set without a password: no user is created" >&2
		return
	fi
	local user
	user="$(quoted "$MARIADB_USER")@'%'"
	echo "CREATE USER $user $(identified_by "$MARIADB_PASSWORD" "$MARIADB_PASSWORD_HASH");"
	if [[ -n $MARIADB_DATABASE ]]; then
		local pattern=${MARIADB_DATABASE//_/\\_}
		echo "GRANT ALL ON $(identifier "$pattern").* TO $user;"
	fi
}

# The user of healthcheck.sh, with its password in a file that only the server's own user reads.
healthcheck_user_sql() {
	local password host
	password=$(random_word)
	for host in 127.0.0.1 ::1 localhost; do
		echo "CREATE USER IF NOT EXISTS healthcheck@'$host' IDENTIFIED BY '$password';"
		echo "ALTER USER healthcheck@'$host' IDENTIFIED BY '$password';"
		echo "GRANT $MARIADB_HEALTHCHECK_GRANTS ON *.* TO healthcheck@'$host';"
	done
	(
		umask 0077
		printf '[mariadb-client]\nport=%s\nsocket=%s\nuser=healthcheck\npassword=%s\n' "$PORT" "$SOCKET" "$password" \
			> "$DATADIR/.my-healthcheck.cnf"
	)
}

random_word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

run_initdb_files() {
	local file
	for file in "$INITDB"/*; do
		case $file in
		*.sh) if [[ -x $file ]]; then note "running $file" && "$file"; else note "sourcing $file" && . "$file"; fi ;;
		*.sql) note "running $file" && as_root < "$file" ;;
		*.sql.gz) note "running $file" && gzip -dc "$file" | as_root ;;
		*.sql.xz) note "running $file" && xz -dc "$file" | as_root ;;
		*.sql.zst) note "running $file" && zstd -dc "$file" | as_root ;;
		*) note "ignoring $file" ;;
		esac
	done
}

# --- upgrade ----------------------------------------------------------------------------------------------------------------------

server_version() { mariadbd --version | sed -E 's/.* Ver ([0-9.]+-MariaDB).*/\1/'; }
record_version() { server_version > "$DATADIR/mysql_upgrade_info"; }

needs_upgrade() {
	local recorded=
	if [[ -r $DATADIR/mysql_upgrade_info ]]; then read -r recorded < "$DATADIR/mysql_upgrade_info" || true; fi
	if [[ $recorded == "$(server_version)" ]]; then
		# After a restore of somebody else's data folder: a missing file asks for a new healthcheck user.
		[[ -n $MARIADB_AUTO_UPGRADE && ! -e $DATADIR/.my-healthcheck.cnf ]]
		return
	fi
	if [[ -z $MARIADB_AUTO_UPGRADE ]]; then
		note "MariaDB upgrade (mariadb-upgrade) is recommended: data of ${recorded:-an unknown version}. Set MARIADB_AUTO_UPGRADE=1"
		return 1
	fi
}

upgrade() {
	start_temporary_server "$@" --skip-grant-tables
	if [[ -z $MARIADB_DISABLE_UPGRADE_BACKUP ]]; then
		note "Backing up the system tables"
		mariadb-dump --no-defaults --socket="$SOCKET" --skip-lock-tables --databases mysql | zstd -q -f -o "$DATADIR/system_mysql_backup.sql.zst"
	fi
	note "Upgrading the system tables"
	mariadb-upgrade --no-defaults --socket="$SOCKET" --upgrade-system-tables --force > /dev/null
	record_version
	stop_temporary_server
	start_temporary_server "$@" --skip-grant-tables # again: mariadb-upgrade makes the server ask for passwords
	{ echo "FLUSH PRIVILEGES;"; healthcheck_user_sql; } | MARIADB_DATABASE='' as_root --no-password --database=mysql
	stop_temporary_server
}

main "$@"
