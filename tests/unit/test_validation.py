"""What pydantic finds is said in words of ours."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from runtime.contract.validation import reason


class Inner(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    count: int = Field(ge=1)
    name: str = "a"

    @field_validator("name")
    @classmethod
    def _lower(cls, value: str) -> str:
        if not value.islower():
            raise ValueError("names are lower case")
        return value


class Outer(BaseModel):
    inner: Inner


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('{"inner": {}}', "`inner.count` is missing"),
        ('{"inner": {"count": "1"}}', "`inner.count` must be a whole number"),
        ('{"inner": {"count": 1, "more": 1}}', "`inner.more` is not known"),
        ('{"inner": {"count": 1, "name": 1}}', "`inner.name` must be text"),
        ('{"inner": {"count": 1, "name": "A"}}', "`inner.name`: names are lower case"),
        ('{"inner": {"count": 0}}', "`inner.count`: it should be greater than or equal to 1"),
    ],
)
def test_the_first_thing_that_is_wrong_is_said(data: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(data)
    assert reason(caught.value) == said
