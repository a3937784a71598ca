"""The embedded environment: what you have elsewhere (an engine, a cluster, images), and the developers' tools.

It knows ``components/`` by nothing but their output, and ``components/`` never knows it.
"""
