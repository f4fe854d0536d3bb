"""`toJSON`, and back."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.expressions.evaluator import evaluate
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import to_python

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_what_is_written_is_read_back_and_indented_as_python_would(data: object) -> None:
    scope = Scope({"x": data})
    written = evaluate(parse("toJSON(x)"), scope)

    assert isinstance(written, str)
    assert json.loads(written) == data
    assert to_python(evaluate(parse("fromJSON(toJSON(x))"), scope)) == data
    if written.isascii():
        assert written == json.dumps(data, indent=2, ensure_ascii=False)


def test_what_dotnet_escapes_and_what_no_encoding_can_carry_is_escaped() -> None:
    written = evaluate(parse("toJSON(x)"), Scope({"x": "é \u2028 \ud800"}))

    assert written == '"é \\u2028 \\ud800"'
