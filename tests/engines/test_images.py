"""Pictures are looked at, decoded once and drawn."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageOps, ImageStat

from jobs.errors import Rejected
from workers.engines.images import Drawn, Look, Picture, to_srgb

EXAMPLE = Path("workers/kinds/examples/mountain-lake.jpg")
ORIENTATION = 0x0112


def file(image: Image.Image, format: str = "PNG", **options: Any) -> BytesIO:
    out = BytesIO()
    image.save(out, format, **options)
    out.seek(0)
    return out


def picture(image: Image.Image, format: str = "PNG", **options: Any) -> Picture:
    return Picture(file(image, format, **options), "a.picture")


def draw(source: Picture, look: Look, *, format: str = "PNG", **options: Any) -> Image.Image:
    source.decode([look])
    return shown(source.draw(look, format=format, **options))


def shown(drawn: Drawn) -> Image.Image:
    return Image.open(BytesIO(drawn.content))


@pytest.mark.parametrize(
    ("look", "size"),
    [
        (Look(100, 100), (100, 50)),
        (Look(1000, 30), (60, 30)),
        (Look(900, 900), (400, 200)),
        (Look(900, 900, enlarge=True), (900, 450)),
        (Look(100, 100, crop=True), (100, 100)),
        (Look(900, 900, crop=True), (200, 200)),
        (Look(900, 900, crop=True, enlarge=True), (900, 900)),
        (Look(1, 10_000, crop=True), (1, 200)),
    ],
)
def test_a_look_decides_about_the_size(look: Look, size: tuple[int, int]) -> None:
    result = draw(picture(Image.new("RGB", (400, 200))), look)

    assert result.size == size


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("look", [Look(40, 40), Look(40, 20, crop=True), Look(20, 40, crop=True)])
def test_every_orientation_comes_out_upright(orientation: int, look: Look) -> None:
    stored = Image.new("RGB", (160, 80), "blue")
    ImageDraw.Draw(stored).rectangle((0, 0, 79, 39), fill="red")
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    source = picture(stored, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(file(stored, exif=exif)))
    expected = draw(picture(upright), look)

    result = draw(source, look)

    assert source.size == upright.size
    assert result.size == expected.size
    for place in ((3, 3), (result.width - 4, 3), (3, result.height - 4)):
        assert close(result.getpixel(place), expected.getpixel(place))


def close(one: Any, other: Any) -> bool:
    return all(abs(a - b) < 30 for a, b in zip(one, other, strict=True))


def test_the_example_photo_is_stored_on_its_side_and_comes_out_upright() -> None:
    with EXAMPLE.open("rb") as example:
        source = Picture(example, "lake")
        result = draw(source, Look(600, 600), format="JPEG")

    assert source.size == (1200, 800)
    assert result.size == (600, 400)
    assert EXAMPLE.stat().st_size <= 60_000


@settings(deadline=None)
@given(
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    box=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    crop=st.booleans(),
    enlarge=st.booleans(),
    orientation=st.integers(1, 8),
)
def test_every_picture_comes_out_in_every_size(
    width: int, height: int, box: tuple[int, int], crop: bool, enlarge: bool, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    look = Look(*box, crop=crop, enlarge=enlarge)

    result = draw(picture(Image.new("L", (width, height)), "JPEG", exif=exif), look, format="JPEG")

    assert result.width <= box[0]
    assert result.height <= box[1]
    if crop and enlarge:
        assert result.size == box
    elif not enlarge:
        upright = (height, width) if orientation >= 5 else (width, height)
        assert result.width <= upright[0]
        assert result.height <= upright[1]


def test_no_metadata_is_left() -> None:
    with EXAMPLE.open("rb") as example:
        assert Image.open(example).getexif().get_ifd(0x8825), "the example tells where it was taken"
        source = Picture(example, "lake")
        looks = [Look(64, 64)]
        source.decode(looks)
        for format in ("JPEG", "PNG", "WEBP", "AVIF"):
            result = shown(source.draw(looks[0], format=format))
            result.load()
            assert not result.getexif(), format
            assert not {"icc_profile", "comment", "exif", "xmp", "dpi"} & set(result.info), format


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_no_comment_is_carried_over(format: str) -> None:
    source = picture(Image.new("RGB", (64, 64)), "JPEG", comment=b"a secret", dpi=(301, 301))
    source.decode([Look(8, 8)])

    drawn = source.draw(Look(8, 8), format=format)

    assert b"a secret" not in drawn.content
    assert not {"comment", "dpi"} & set(shown(drawn).info)


def test_colours_are_turned_into_srgb() -> None:
    lab = Image.new("LAB", (8, 8), (136, 208, 195))  # sRGB's own red
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    assert close(to_srgb(lab, profile).getpixel((4, 4)), (255, 0, 0))


def test_a_broken_profile_counts_as_none() -> None:
    source = picture(Image.new("RGB", (8, 8), (9, 200, 9)), icc_profile=b"nonsense")

    assert draw(source, Look(8, 8)).getpixel((4, 4)) == (9, 200, 9)


def test_cmyk_becomes_rgb() -> None:
    source = picture(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG")

    result = draw(source, Look(8, 8))

    assert result.mode == "RGB"
    assert close(result.getpixel((4, 4)), (255, 0, 0))


def test_a_transparent_picture_becomes_a_jpeg_on_its_ground() -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))

    result = draw(picture(clear), Look(8, 8), format="JPEG", ground="#00ff00")

    assert close(result.getpixel((4, 4)), (0, 255, 0))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF"])
def test_transparency_is_kept_where_the_format_can(format: str) -> None:
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))

    assert draw(picture(clear), Look(8, 8), format=format).getpixel((4, 4))[3] == 0  # type: ignore[index]


def test_palettes_and_sixteen_bits_are_understood() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    deep = Image.new("I;16", (8, 8), 0x8000)

    assert draw(picture(palette), Look(8, 8)).convert("RGB").getpixel((4, 4)) == (10, 20, 30)
    assert draw(picture(deep), Look(8, 8)).convert("L").getpixel((4, 4)) == 0x80


def test_a_large_jpeg_is_decoded_smaller() -> None:
    large = Image.new("RGB", (4000, 3000), "teal")
    source = picture(large, "JPEG")

    source.decode([Look(400, 400), Look(100, 100)])

    assert source._image.size == (1000, 750), "a quarter: the eighth would be below the margin"
    assert shown(source.draw(Look(400, 400), format="JPEG")).size == (400, 300)


def test_a_small_result_is_as_faithful_as_one_drawn_from_every_pixel() -> None:
    whole = Image.open(EXAMPLE).convert("RGB")
    expected = whole.resize((67, 100), Image.Resampling.LANCZOS).rotate(90, expand=True)

    source = Picture(BytesIO(EXAMPLE.read_bytes()), "lake")
    source.decode([Look(600, 600), Look(100, 100)])
    result = shown(source.draw(Look(100, 100), format="PNG"))

    difference = ImageStat.Stat(ImageChops.difference(result, expected))
    assert result.size == (100, 67)
    assert max(difference.mean) < 1.5


def test_the_same_picture_gives_the_same_bytes() -> None:
    def bytes_of() -> bytes:
        source = Picture(BytesIO(EXAMPLE.read_bytes()), "lake")
        source.decode([Look(64, 64)])
        return source.draw(Look(64, 64), format="WEBP").content

    assert bytes_of() == bytes_of()


def test_a_file_that_is_cut_off_is_rejected() -> None:
    whole = EXAMPLE.read_bytes()
    source = Picture(BytesIO(whole[: len(whole) // 2]), "lake.jpg")

    with pytest.raises(Rejected, match=r"'lake\.jpg' is cut off"):
        source.decode([Look(600, 600)])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF"])
def test_damaged_files_are_rejected_and_nothing_worse(format: str) -> None:
    whole = file(Image.effect_noise((64, 64), 60).convert("RGB"), format).getvalue()

    for place in range(2, len(whole), max(1, len(whole) // 60)):
        broken = bytearray(whole)
        broken[place : place + 8] = b"\xff\x00\xaa\x55\xff\xff\x00\x00"
        try:
            source = Picture(BytesIO(bytes(broken)), "x")
            source.decode([Look(16, 16)])
            source.draw(Look(16, 16), format="PNG")
        except Rejected:
            pass


def test_what_is_no_picture_is_rejected() -> None:
    with pytest.raises(Rejected, match="is not a picture we can read"):
        Picture(BytesIO(b"%PDF-1.7 and so on"), "x.jpg")


def header_only(width: int, height: int, marker: bytes) -> BytesIO:
    """A JPEG that promises a size; its pixels are never looked at."""
    frame = marker + b"\x00\x0b\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00"
    return BytesIO(b"\xff\xd8" + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x00" * 64)


@pytest.mark.parametrize(
    ("width", "height", "marker", "sentence"),
    [
        (20_000, 20_000, b"\xff\xc0", "more than 100 million pixels"),
        (10_001, 10_001, b"\xff\xc0", "100 million"),
        (8_000, 8_000, b"\xff\xc2", "A progressive JPEG may have up to 50 million"),
        (31_000, 10, b"\xff\xc0", "up to 30000 on a side"),
    ],
)
def test_a_bomb_is_rejected_by_its_header(width: int, height: int, marker: bytes, sentence: str) -> None:
    with pytest.raises(Rejected, match=sentence):
        Picture(header_only(width, height, marker), "bomb.jpg")


def test_a_large_baseline_jpeg_is_not_taken_for_a_bomb() -> None:
    assert Picture(header_only(9_000, 9_000, b"\xff\xc0"), "map.jpg").size == (9_000, 9_000)
