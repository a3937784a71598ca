"""Stand-ins for the provider plugins that no package registry serves: random, tls and kubernetes.

They speak the engine's own gRPC and keep the genuine plugins' tokens, property names, secretness and ids, so that a program
runs with either. Where the genuine plugin is installed it wins and these are not even started.
"""
