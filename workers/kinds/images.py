"""Resize a picture to several sizes at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, field_validator

from jobs.artifacts import ArtifactField
from jobs.errors import Rejected
from jobs.registry import Result, job_kind
from jobs.states import ItemState
from workers.context import Context

if TYPE_CHECKING:
    from workers.engines import images

READABLE = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif")
LARGEST = 10_000
Size = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[1-9]\d{0,4}([xX×][1-9]\d{0,4})?$")]


class Payload(BaseModel, extra="forbid"):
    """One picture, and how its copies should look."""

    source: Annotated[UUID, ArtifactField(accept=READABLE, max_bytes=50 * 1024 * 1024)] = Field(
        title="Picture", description="JPEG, PNG, WebP, AVIF or GIF, up to 50 MB."
    )
    sizes: list[Size] = Field(
        default=["1600", "800", "320"],
        min_length=1,
        max_length=12,
        title="Sizes",
        description="In pixels, one to a line: 800x600, or 800 for a box of 800x800.",
    )
    mode: Literal["fit", "crop"] = Field(
        default="fit",
        title="Shape",
        description="Fit keeps the whole picture inside the size; crop fills the size and cuts what is over.",
    )
    format: Literal["same", "jpeg", "png", "webp", "avif"] = Field(
        default="same", title="File format", description="Same keeps the picture's own (a GIF becomes PNG)."
    )
    quality: int | None = Field(
        default=None, ge=1, le=100, title="Quality", description="Empty: a good one for the format."
    )
    background: str = Field(
        default="#ffffff",
        pattern=r"^#[0-9a-fA-F]{6}$",
        title="Background",
        description="What shows through where a transparent picture becomes a JPEG.",
    )
    enlarge: bool = Field(
        default=False, title="Enlarge", description="Also make copies that are larger than the picture."
    )

    @field_validator("sizes")
    @classmethod
    def _check_sizes(cls, sizes: list[str]) -> list[str]:
        boxes = [size.lower().replace("×", "x") for size in sizes]
        for box in boxes:
            if max(map(int, box.split("x"))) > LARGEST:
                raise ValueError(f"{box} is too large; a side has at most {LARGEST} pixels")
        return list(dict.fromkeys(boxes))


@job_kind(
    "images.resize",
    title="Resize a picture",
    payload=Payload,
    example={"source": "mountain-lake.jpg", "sizes": ["640", "320", "96x96"], "format": "webp"},
    queue="images",
    timeout=timedelta(minutes=2),
    policy="at_least_once",
    items=lambda payload: payload.sizes,
)
def resize(context: Context, payload: Payload) -> Result:
    """Running it twice makes the same bytes; only those of the attempt that is kept are ever seen."""
    from workers.engines import images  # decoders stay out of the web process

    context.items.reopen()
    about = context.artifacts.about(payload.source)
    looks = {size: _look(size, payload) for size in payload.sizes}
    with context.artifacts.open(payload.source) as file:
        picture = images.Picture(file, about.name)
        context.progress(0.05, "decoding")
        picture.decode(list(looks.values()))
    format = payload.format.upper() if payload.format != "same" else picture.format
    format = format if format in images.SUFFIX else "PNG"
    saved, problems = [], []
    for done, item in enumerate(context.items.claim(len(looks)), start=1):
        context.check()
        try:
            drawn = picture.draw(
                looks[item.key], format=format, quality=payload.quality, ground=payload.background
            )
        except Rejected as error:
            context.items.settle(item.key, ItemState.FAILED, {"error": str(error)})
            problems.append(str(error))
            continue
        shown = f"{PurePath(about.name).stem}-{drawn.width}x{drawn.height}.{images.SUFFIX[format]}"
        saved.append(context.artifacts.save(shown, drawn.content, images.MEDIA_TYPE[format]))
        context.items.settle(item.key, ItemState.DONE, {"name": shown, "bytes": len(drawn.content)})
        context.progress(done / len(looks), shown)
    if not saved:
        raise Rejected("; ".join(problems))
    width, height = picture.size
    values = {
        "source": f"{about.name}, {width} × {height}, {picture.format}",
        "accepted": len(looks),
        "done": len(saved),
        "failed": len(problems),
    }
    if picture.is_animated:
        values["note"] = "The picture is animated; its first frame was used."
    if problems:
        values["problems"] = problems
    return Result(values=values, artifacts=saved)


def _look(size: str, payload: Payload) -> images.Look:
    from workers.engines import images

    width, _, height = size.partition("x")
    return images.Look(int(width), int(height or width), payload.mode == "crop", payload.enlarge)
