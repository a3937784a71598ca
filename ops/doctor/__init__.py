"""``make doctor``: names the broken link of a deployed stack's chain, from the cluster to a push that Portus has recorded.

`gather` looks at everything and changes nothing; `links` judge what was seen, each a pure function; `chain` says what rests on what, so
that one cause is one finding. Of the images' tools it uses bash (Portus), timeout and nc (registry), df and ls; the rest goes by the API.
"""
