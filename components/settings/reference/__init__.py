"""What editors and readers get from the models: the JSON Schema of a stack file, and the manual of its settings.

``python -m components.settings.reference`` writes both; ``tests/settings/test_samples.py`` fails where they are stale.
"""
