"""What the models' authors wrote below each field, read from the source on demand.

pydantic's ``use_attribute_docstrings`` would read and parse every model's source at each start of the program, which only a
report and the manual needs: 40 ms of every preview.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Mapping
from functools import cache

from components.settings.types.base import Section


@cache
def documentation(model: type[Section]) -> Mapping[str, str]:
    """Return field name -> its text, on one line; the fields of the model's bases included."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Section) and base is not Section:
            texts |= _own(base)
    return {name: text for name, text in texts.items() if name in model.model_fields}


def _own(model: type[Section]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    if not isinstance(body, ast.ClassDef):
        return {}
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(body.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
