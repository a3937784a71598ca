#!/bin/sh
# As the official image: a configuration file alone means "serve", as does an option; a known command goes to the registry; anything
# else is run as it is.
set -e

case "$1" in
*.yaml | *.yml) set -- registry serve "$@" ;;
serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac

exec "$@"
