"""What does not fit is said without the names of classes, and without a library's own beginnings."""

from typing import Any

import pydantic
import pytest

from jobs.finding import finding_text

OBJECT = 'Input should be an object, like {"name": "value"}'


class Inner(pydantic.BaseModel):
    width: int = 1

    @pydantic.field_validator("width")
    @classmethod
    def is_even(cls, width: int) -> int:
        if width % 2:
            raise ValueError("is odd; give an even one")
        return width


class Outer(pydantic.BaseModel):
    inner: Inner
    options: dict[str, int] = {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param([], OBJECT, id="a-list-for-the-whole"),
        pytest.param({"inner": 3}, OBJECT, id="a-number-inside"),
        pytest.param({"inner": {}, "options": []}, OBJECT, id="a-map"),
        pytest.param({"inner": {"width": 3}}, "is odd; give an even one", id="a-check-of-ours"),
        pytest.param({"inner": {"width": "x"}}, "Input should be a valid integer", id="anything-else"),
    ],
)  # fmt: skip
def test_a_finding_is_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Outer.model_validate(given)

    [found] = caught.value.errors()

    assert finding_text(found).startswith(said)
