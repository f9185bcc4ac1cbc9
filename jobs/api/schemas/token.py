"""Tokens, and who asks with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from jobs.api.schemas.reading import REFUSES, Moment
from jobs.tokens import Scope as TokenScope

Scope = Annotated[TokenScope, Field(strict=False)]


class TokenAbout(BaseModel):
    """A token, without its secret."""

    id: UUID
    name: str
    scopes: list[str]
    hint: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class MeOut(BaseModel):
    """Who asks, and what they may do with what they asked with."""

    name: str
    groups: list[str]
    scopes: list[str]
    can_submit: bool
    can_operate: bool
    token: TokenAbout | None


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = REFUSES

    name: str = Field(min_length=1, max_length=100, pattern=r"\S", description="What it is for.")
    scopes: list[Scope] = Field(min_length=1, max_length=len(TokenScope))
    expires_at: Moment | None = Field(None, description="Left out: as long as the token that makes it.")


class TokenMade(TokenAbout):
    """A new token and its secret, which is not shown again."""

    secret: str


class TokensOut(BaseModel):
    """Your tokens."""

    tokens: list[TokenAbout]
