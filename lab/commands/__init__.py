"""The developers' commands, made as the operator's are (`ops.cli`); `lab.__main__` lists them."""
