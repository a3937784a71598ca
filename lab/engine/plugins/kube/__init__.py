"""The stand-in for the kubernetes plugin, against any cluster, on the official Python client's connection and authentication."""
