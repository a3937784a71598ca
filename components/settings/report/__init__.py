"""What is wrong with a stack file, in words: problems with key, value, line and fix."""
