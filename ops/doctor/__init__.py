"""``make doctor``: finds what is broken in a deployed stack, from the cluster to a push that Portus has recorded.

`gather` looks at everything and changes nothing; `checks` judge what was seen, each a pure function; `catalog` says which depends on which,
so that one cause is one finding. Of the images' tools it uses bash (Portus), timeout and nc (registry), df and ls.
"""
