#!/bin/sh
# Prints the ids of the processes whose command line begins with $1. Portus' images have no pgrep.
for folder in /proc/[0-9]*; do
  case "$({ tr '\0' ' ' <"$folder/cmdline"; } 2>/dev/null)" in
  "$1"*) echo "${folder#/proc/}" ;;
  esac
done
