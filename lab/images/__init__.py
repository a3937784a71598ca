"""The images that the lab runs, built from Debian packages and this folder's own files, without any container engine."""
