"""The checks' judges, by subject: each a pure function of what was seen."""
