"""``python -m ops.adopt compose | helm | kubernetes``."""

from ops.adopt.commands import adopt

if __name__ == "__main__":
    adopt(prog_name="python -m ops.adopt")
