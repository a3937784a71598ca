"""The links' judges, by subject: each a pure function of what was seen."""
