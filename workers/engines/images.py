"""Pictures: looked at before they are decoded, decoded once, drawn in as many sizes as asked.

Whatever a file does to its decoder ends as Rejected with a sentence: the file is to blame, not the attempt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

from PIL import Image, ImageCms, UnidentifiedImageError

from jobs.errors import Rejected

READ = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif", "GIF": "image/gif",
}  # fmt: skip
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "AVIF": "avif"}
MEDIA_TYPE = {name: READ[name] for name in SUFFIX}
WRITE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 82, "optimize": True, "progressive": True},
    "PNG": {"compress_level": 6},  # `optimize` takes six times as long for a fifteenth less
    "WEBP": {"quality": 80, "method": 4},
    "AVIF": {"quality": 62, "speed": 8},
}
MAX_SIDE = 30_000
MAX_PIXELS = 100_000_000
# A progressive JPEG keeps every coefficient in memory, and only a JPEG can be decoded smaller than it is.
MAX_PIXELS_AT_ONCE = 50_000_000
# Below 1.5 times the target the decoder's own shrinking shows in the result.
DRAFT_MARGIN = 1.5
SWAPPED = frozenset({5, 6, 7, 8})
TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip

# A last line of defence for every user of Pillow in this process, ours or not.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True)
class Look:
    """How one result should look. `crop` fills the box, otherwise the picture fits into it."""

    width: int
    height: int
    crop: bool = False
    enlarge: bool = False

    def plan(self, width: int, height: int) -> Plan:
        """The part of a picture of this size to take, and the size to draw it in."""
        across, down = self.width / width, self.height / height
        scale = max(across, down) if self.crop else min(across, down)
        taken = (self.width / scale, self.height / scale) if self.crop else (width, height)
        if not self.enlarge:
            scale = min(scale, 1.0)
        size = (max(1, round(taken[0] * scale)), max(1, round(taken[1] * scale)))
        left, top = max(0.0, (width - taken[0]) / 2), max(0.0, (height - taken[1]) / 2)
        return Plan(scale, (left, top, width - left, height - top), size)


@dataclass(frozen=True)
class Plan:
    """What `Look` means for one picture, in its own pixels."""

    scale: float
    box: tuple[float, float, float, float]
    size: tuple[int, int]


@dataclass(frozen=True)
class Drawn:
    """One result."""

    content: bytes
    format: str
    width: int
    height: int


class Picture:
    """A picture that was looked at and is decoded when the first result is drawn."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._image = self._open(file)
        self.format = "JPEG" if self._image.format == "MPO" else str(self._image.format)
        self.is_animated = bool(self._try(lambda: getattr(self._image, "is_animated", False)))
        self._orientation = self._read_orientation()
        self._stored = self._image.size
        self._refuse_too_large()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as a person sees them, turned upright."""
        width, height = self._stored
        return (height, width) if self._orientation in SWAPPED else (width, height)

    def decode(self, looks: list[Look]) -> None:
        """Read the pixels, no more of them than the largest of these results needs."""
        scale = max(look.plan(*self.size).scale for look in looks)
        if self._image.format in {"JPEG", "MPO"}:
            need = [math.ceil(side * scale * DRAFT_MARGIN) for side in self._stored]
            self._try(lambda: self._image.draft(None, (need[0], need[1])))
        self._try(self._image.load)
        self._profile = self._image.info.get("icc_profile")
        self._image = self._try(lambda: plain_mode(self._image))
        self._halves = [self._image]

    def draw(self, look: Look, *, format: str, quality: int | None = None, ground: str = "#ffffff") -> Drawn:
        """One result: cut, scaled, turned upright, in sRGB, without metadata."""
        plan = look.plan(*self.size)
        box, size = plan.box, plan.size
        if size[0] * size[1] > MAX_PIXELS_AT_ONCE:
            raise Rejected(
                f"{size[0]} × {size[1]} would be more than {MAX_PIXELS_AT_ONCE // 10**6} million pixels."
            )
        if self._orientation in SWAPPED:
            size = (size[1], size[0])
            box = (box[1], box[0], box[3], box[2])  # the cut is in the middle, so mirroring does not move it
        source = self._try(lambda: self._halved(plan.scale))
        across, down = (got / was for got, was in zip(source.size, self._stored, strict=True))
        box = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
        small = self._try(lambda: source.resize(size, Image.Resampling.LANCZOS, box=box))
        small.info = {}  # encoders would carry profiles, comments and resolution over
        small = to_srgb(small, self._profile)
        turn = TURN.get(self._orientation)
        if turn is not None:  # FLIP_LEFT_RIGHT is 0
            small = small.transpose(turn)
        if format == "JPEG":
            small = without_alpha(small, ground)
        return Drawn(encode(small, format, quality), format, *small.size)

    def _halved(self, scale: float) -> Image.Image:
        """The picture halved as often as a result of this scale allows; each halving is made once."""
        times, decoded = 0, self._image.width / self._stored[0]
        while scale * DRAFT_MARGIN * 2 ** (times + 1) <= decoded:
            times += 1
        while len(self._halves) <= times:
            self._halves.append(self._halves[-1].reduce(2))
        return self._halves[times]

    def _open(self, file: IO[bytes]) -> Image.Image:
        try:
            return Image.open(file, formats=list(READ))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Rejected(f"{self.name!r} has more than {MAX_PIXELS // 10**6} million pixels.") from None
        except UnidentifiedImageError:
            raise Rejected(
                f"{self.name!r} is not a picture we can read. Readable: {', '.join(READ)}."
            ) from None
        except Exception as error:
            raise self._broken(error) from error

    def _refuse_too_large(self) -> None:
        width, height = self._stored
        is_bulky = self.format != "JPEG" or "progressive" in self._image.info
        most = MAX_PIXELS_AT_ONCE if is_bulky else MAX_PIXELS
        if max(width, height) > MAX_SIDE or width * height > most:
            how = "progressive JPEG" if self.format == "JPEG" and is_bulky else self.format
            raise Rejected(
                f"{self.name!r} has {width} × {height} pixels. A {how} may have up to {most // 10**6} million"
                f" of them, and up to {MAX_SIDE} on a side. Make it smaller first."
            )

    def _read_orientation(self) -> int:
        try:
            return int(self._image.getexif().get(0x0112, 1))
        except Exception:  # noqa: BLE001 - bad metadata does not make a bad picture
            return 1

    def _try(self, step: Any) -> Any:
        """A hostile or cut-off file can raise nearly anything from a decoder."""
        try:
            return step()
        except MemoryError:
            raise
        except Exception as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> Rejected:
        if "truncated" in str(error):
            return Rejected(f"{self.name!r} is cut off: its end is missing. Hand in the whole file.")
        return Rejected(f"{self.name!r} is damaged: {error or type(error).__name__}.")


def plain_mode(image: Image.Image) -> Image.Image:
    """The picture with 8 bits a channel and no palette, so that it can be scaled."""
    if image.mode.startswith(("I", "F")):
        # 16 bits a channel: `convert` alone would clip everything above 255 to white.
        return image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in {"L", "RGB", "CMYK", "LAB"} else image.convert("RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB; a profile that cannot be read counts as none."""
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            turned = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode=target,
                renderingIntent=ImageCms.Intent.PERCEPTUAL,
            )  # fmt: skip
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
        else:
            if turned is not None:
                turned.info = {}
                return turned
    return image if image.mode in {"L", target} else image.convert(target)


def without_alpha(image: Image.Image, ground: str) -> Image.Image:
    """The picture laid on a ground of one colour."""
    if image.mode != "RGBA":
        return image
    laid = Image.new("RGB", image.size, ground)
    laid.paste(image, mask=image.getchannel("A"))
    return laid


def encode(image: Image.Image, format: str, quality: int | None) -> bytes:
    """The file's bytes; the same picture gives the same bytes."""
    options = dict(WRITE[format])
    if quality is not None and "quality" in options:
        options["quality"] = quality
    out = BytesIO()
    try:
        image.save(out, format, **options)
    except (OSError, ValueError) as error:
        raise Rejected(f"{image.width} × {image.height} pixels cannot be a {format}: {error}") from error
    return out.getvalue()
