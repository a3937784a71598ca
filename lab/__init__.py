"""The embedded environment: what a user elsewhere already has (an engine, a cluster, images).

It knows ``components/`` by nothing but their output, and ``components/`` never knows it.
"""
