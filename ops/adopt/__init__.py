"""From a running Portus' own files to a stack of this program: read, classify, write.

`compose`, `helm` and `kubernetes` read; `classify` gives each source key one fate; `output` writes stack file, report and plan.
"""
