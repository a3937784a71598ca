#!/bin/bash
# Tests of the running server, by the contract of the official MariaDB image: every test named must hold, else the exit code is 1.
# Offered: --connect --innodb_initialized --innodb_buffer_pool_loaded --mariadbupgrade; --datadir=, --defaults-file=,
# --defaults-extra-file=, --defaults-group-suffix=, --no-defaults before the tests that they are for. Anything else is refused.
set -euo pipefail

datadir=/var/lib/mysql
defaults=()
tests=()

query() {
	mariadb "${defaults[@]}" --protocol=socket --skip-column-names --batch --skip-ssl -e "$1" 2> /dev/null
}

# Over TCP: the server of the first start listens on its socket only, and is not ready. A server that refuses the password is up.
connect() {
	local answer
	if answer=$(mariadb "${defaults[@]}" --protocol=tcp --host=127.0.0.1 --skip-column-names --batch -e 'SELECT 1' 2>&1); then return 0; fi
	[[ $answer == *'ERROR 1045 '* ]]
}

innodb_initialized() {
	[[ $(query "SELECT 1 FROM information_schema.ENGINES WHERE engine='innodb' AND support IN ('YES', 'DEFAULT', 'ENABLED')") == 1 ]]
}

innodb_buffer_pool_loaded() {
	[[ $(query "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='Innodb_buffer_pool_load_status'") \
		== *'load completed'* ]]
}

mariadbupgrade() {
	local recorded running
	[[ -r $datadir/mysql_upgrade_info ]] || return 1
	read -r recorded < "$datadir/mysql_upgrade_info" || true
	running=$(query 'SELECT VERSION()') || return 1
	[[ ${running%%-*} == "${recorded%%-*}" ]]
}

while [[ $# -gt 0 ]]; do
	case $1 in
	--connect | --innodb_initialized | --innodb_buffer_pool_loaded | --mariadbupgrade) tests+=("${1#--}") ;;
	--datadir=*) datadir=${1#*=} ;;
	--defaults-file=* | --defaults-extra-file=* | --defaults-group-suffix=* | --no-defaults) defaults=("$1") ;;
	*) echo "healthcheck.sh: unknown option '$1'" >&2; exit 1 ;;
	esac
	shift
done
if [[ ${#tests[@]} -eq 0 ]]; then echo "healthcheck.sh: no test named" >&2; exit 1; fi
if [[ ${#defaults[@]} -eq 0 && -r $datadir/.my-healthcheck.cnf ]]; then
	defaults=("--defaults-extra-file=$datadir/.my-healthcheck.cnf")
fi

for test in "${tests[@]}"; do
	if ! "$test"; then echo "healthcheck $test failed" >&2; exit 1; fi
done
