"""The sections of the stack file, a module of models each."""
