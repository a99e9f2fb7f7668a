"""Makes files that break rules which viewers do not need, and writes down in
../faults.json what the reference readers (libjpeg-turbo, libpng and libwebp)
see in them: the mean colours of 16 x 16 parts.

GIVEN were made by other programs and are kept as they came. GRID are files of
tests/jpegs. Run in this directory with Pillow 13.0.0, after the grid was written:
cargo test -p facegen-outbound --test jpegs -- --ignored write_the_grid
python make_faults.py TARGET/tmp/grid
"""

import base64
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy
from PIL import Image, ImageOps

GIVEN = """adobe_unknown_transform.jpg coded_baseline_420.jpg coded_luma_smaller.jpg
coded_noninterleaved_420.jpg exif_6_long.jpg exif_6_then_1.jpg exif_6_without_flag.webp
exif_after_data_6.png exif_empty_then_6.jpg exif_with_prefix_6.png no_end_zeros.jpg
no_iend.png noninterleaved_420.jpg noninterleaved_chroma_first_420.jpg
noninterleaved_pair_420.jpg nonr_1x1_33x35.jpg nonr_1x1_88x88.jpg nonr_2x1_88x88.jpg
odd_33x35_noninterleaved_420.jpg odd_40x33_noninterleaved_420.jpg
odd_64x65_noninterleaved_420.jpg raw_profile_exif_6.png sampling_3x1_progressive.jpg
sampling_cb_larger.jpg sampling_cb_larger_progressive.jpg
sampling_luma_smaller_progressive.jpg""".split()

GRID = """4:4:4 47x32 one by one baseline restart 1
4:2:2 33x35 backwards baseline restart 2
4:4:0 40x33 blue first baseline restart 7
4:2:0 64x65 colours together first extended restart 0
4:2:0 81x50 luma with red spectral restart 2
4:1:1 88x88 one by one baseline restart 0
4:1:0 33x35 backwards progressive restart 1
1x4 40x33 all at once baseline restart 2
3x1 81x50 one by one extended restart 7
1x3 47x32 colours together baseline restart 0
all 1x3 64x65 one by one baseline restart 2
4:2:2 of 2x2 88x88 all at once baseline restart 0
blue wide, red high 81x50 all at once progressive restart 7
luma smaller 33x35 backwards baseline restart 1
blue larger 64x65 luma with red extended restart 2
luma narrower, red smallest 81x50 one by one baseline restart 0
grey 2x2 33x35 alone baseline restart 2""".splitlines()

INCOMPLETE = "face_image ends early or has gaps: the part of it that is missing is grey"
DAMAGED = "face_image is damaged: some of its pixels may be wrong"
NO_END = "face_image has no end marker: it may have been cut off"
STANDARD_TABLES = "face_image lacks Huffman tables: the standard ones were used"
UNKNOWN_TRANSFORM = "face_image names an unknown colour transform: it was read as YCbCr"
MISSING_CHUNK = "face_image announces data that it does not hold"

rows = []


def cells(image):
    levels = numpy.asarray(image.convert("RGB")).astype(float)
    height, width, _ = levels.shape
    edge = lambda side, at: at * side // 16
    means = [
        levels[edge(height, y) : edge(height, y + 1), edge(width, x) : edge(width, x + 1)].mean((0, 1))
        for y in range(16)
        for x in range(16)
    ]
    return base64.b64encode(numpy.array(means).round().astype(numpy.uint8).tobytes()).decode()


def seen(file):
    return ImageOps.exif_transpose(Image.open(io.BytesIO(file)))


def row(name, file, image=None, warnings=()):
    """Notes a file, and what the reference reader sees in it."""
    image = image or seen(file)
    if not pathlib.Path(name).exists() or name not in GIVEN:
        pathlib.Path(name).write_bytes(file)
    rows.append({"file": name, "size": image.size, "cells": cells(image), "warnings": list(warnings)})


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def cmyk(file):
    """Inks on white paper, as programs write them: 255 is none."""
    levels = numpy.asarray(Image.open(io.BytesIO(file))).astype(float)
    inks = 255 - levels
    return Image.fromarray((inks[..., :3] * inks[..., 3:] / 255).round().astype(numpy.uint8))


# The image: slopes, waves and an edge, of no symmetry.
y, x = numpy.mgrid[0:104, 0:152].astype(float)
levels = numpy.stack([
    128 + 60 * numpy.sin(x / 11 + y / 31) + 50 * (x > y * 1.3 + 20),
    40 + x + 40 * numpy.cos(y / 9),
    220 - y * 1.5 - 40 * (x + y > 190),
], axis=-1)
IMAGE = Image.fromarray(levels.clip(0, 255).astype(numpy.uint8))
GREY = IMAGE.convert("L")
JPEG = encoded(IMAGE, "JPEG", quality=88)


def exif(orientation, size=2, order="<"):
    """One entry, a number of 1, 2 or 4 bytes."""
    letter, kind = {1: ("B", 1), 2: ("H", 3), 4: ("I", 4)}[size]
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    value = struct.pack(order + letter, orientation).ljust(4, b"\0")
    return head + struct.pack(order + "HHHI", 1, 0x112, kind, 1) + value + bytes(4)


def other_exif():
    """One entry, not the orientation: the width."""
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x100, 4, 1, 152) + bytes(4)


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(*segments, file=JPEG):
    return file[:2] + b"".join(segments) + file[2:]


def app1(data):
    return segment(0xE1, b"Exif\0\0" + data)


def without(file, *markers):
    """A JPEG without its segments of these markers before the scan."""
    place, kept = 2, file[:2]
    while file[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(file[place + 2 : place + 4], "big")
        if file[place + 1] not in markers:
            kept += file[place:end]
        place = end
    return kept + file[place:]


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_chunks(file):
    place = 8
    while place < len(file):
        end = place + 12 + int.from_bytes(file[place : place + 4], "big")
        yield file[place + 4 : place + 8], file[place:end]
        place = end


def png(image=IMAGE, before=b"", after=b"", end=True, interlaced=False):
    """A PNG with chunks before and after its pixels."""
    file = encoded(image, "PNG") if not interlaced else adam7(image)
    parts = [file[:8]]
    for name, whole in png_chunks(file):
        if name == b"IDAT" and before:
            parts.append(before)
            before = b""
        if name == b"IEND":
            parts.append(after)
            if not end:
                continue
        parts.append(whole)
    return b"".join(parts)


def adam7(image):
    data = b""
    for left, top, right, down in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for line in numpy.asarray(image)[top::down, left::right]:
            data += b"\0" + line.tobytes()
    header = struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def profile(data, kind="exif"):
    return f"\n{kind}\n{len(data):8}\n".encode() + data.hex().encode() + b"\n"


def webp(flags=0, before=b"", after=b"", lossless=False):
    """An extended WebP with flags, and chunks before and after its image."""
    options = {"lossless": True} if lossless else {"quality": 90}
    still = encoded(IMAGE, "WEBP", **options)[12:]
    header = bytes([flags, 0, 0, 0]) + (151).to_bytes(3, "little") + (103).to_bytes(3, "little")
    content = b"WEBP" + riff(b"VP8X", header) + before + still + after
    return b"RIFF" + struct.pack("<I", len(content)) + content


def riff(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def turned(orientation):
    """The image as it is seen with this orientation."""
    return seen(encoded(IMAGE, "PNG", exif=b"Exif\0\0" + exif(orientation)))


# What others made.
WARNINGS = {"no_end_zeros.jpg": [NO_END], "no_iend.png": [NO_END], "adobe_unknown_transform.jpg": [UNKNOWN_TRANSFORM]}
for name in GIVEN:
    row(name, pathlib.Path(name).read_bytes(), warnings=WARNINGS.get(name, []))

# Scans and samplings.
grid = pathlib.Path(sys.argv[1])
numbers = dict(line.split("\t")[::-1] for line in (grid / "index").read_text().splitlines())
for name in GRID:
    file = "grid_" + name.replace(" ", "_").replace(":", "").replace(",", "") + ".jpg"
    row(file, (grid / f"{numbers[name]}.jpg").read_bytes())

# Which side is up. A file of JPEG is not the image to the last level.
row("exif_3_long.jpg", jpeg_with(app1(exif(3, 4))))
row("exif_8_long_big_endian.jpg", jpeg_with(app1(exif(8, 4, ">"))))
row("exif_5_big_endian.jpg", jpeg_with(app1(exif(5, 2, ">"))))
row("exif_7_byte.jpg", jpeg_with(app1(exif(7, 1))))
row("exif_without_orientation_then_8.jpg", jpeg_with(app1(other_exif()), app1(exif(8))))
row("exif_3_then_6_then_8.jpg", jpeg_with(app1(exif(3)), segment(0xFE, b"comment"), app1(exif(6)), app1(exif(8))))
row("exif_6_behind_others.jpg", jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), segment(0xED, b"Photoshop 3.0\0"), app1(exif(6))))
row("exif_6_twice_prefixed.jpg", jpeg_with(app1(b"Exif\0\0" + exif(6))), turned(6))
row("exif_8_long_big_endian.png", png(before=chunk(b"eXIf", exif(8, 4, ">"))))
row("exif_3_prefixed_after_data.png", png(after=chunk(b"eXIf", b"Exif\0\0" + exif(3, 2, ">"))))
row("exif_6_after_data_no_iend.png", png(after=chunk(b"eXIf", exif(6)), end=False), warnings=[NO_END])
row("exif_5_after_data_interlaced.png", png(after=chunk(b"eXIf", exif(5, 4)), interlaced=True))
row("raw_profile_8_plain.png", png(before=chunk(b"tEXt", b"Raw profile type exif\0" + profile(b"Exif\0\0" + exif(8)))))
row("raw_profile_3_after_data.png", png(after=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(b"Exif\0\0" + exif(3))))))
row("raw_profile_app1_6.png", png(before=chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(b"Exif\0\0" + exif(6), "APP1")))), turned(6))
row("exif_6_prefixed.webp", webp(8, after=riff(b"EXIF", b"Exif\0\0" + exif(6))))
row("exif_8_long_big_endian.webp", webp(8, after=riff(b"EXIF", exif(8, 4, ">"))))
row("exif_5_before_data_lossless.webp", webp(8, before=riff(b"EXIF", exif(5)), lossless=True))
row("exif_8_without_flag_lossless.webp", webp(0, after=riff(b"EXIF", exif(8)), lossless=True))

# Without an end, in all kinds of pixels.
row("no_iend_interlaced.png", png(end=False, interlaced=True), warnings=[NO_END])
row("no_iend_palette.png", png(IMAGE.quantize(32), end=False), warnings=[NO_END])
row("no_iend_grey.png", png(GREY, end=False), warnings=[NO_END])
cut = png(end=False)
row("no_iend_half_a_checksum.png", cut[:-2], IMAGE, [NO_END])
row("iend_cut_off.png", png()[:-6], IMAGE, [NO_END])
row("no_end.jpg", JPEG[:-2], seen(JPEG), [NO_END])
row("half_an_end.jpg", JPEG[:-1], seen(JPEG), [NO_END])
row("progressive_no_end.jpg", encoded(IMAGE, "JPEG", progressive=True)[:-2], seen(encoded(IMAGE, "JPEG", progressive=True)), [NO_END])
row("long_zeros.jpg", JPEG[:-2] + bytes(5000), warnings=[NO_END])

# Cut off or damaged within the pixels.
def rows_of(count, data):
    header = struct.pack(">IIBBBBB", 152, 104, 8, 2, 0, 0, 0)
    packed = zlib.compress(data[: count * (1 + 152 * 3)])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed)

def upper(count):
    """The upper rows of the image, grey below."""
    image = Image.new("RGB", IMAGE.size, (128, 128, 128))
    image.paste(IMAGE.crop((0, 0, 152, count)))
    return image

data = b"".join(b"\0" + line.tobytes() for line in numpy.asarray(IMAGE))
row("70_rows.png", rows_of(70, data) + chunk(b"IEND", b""), upper(70), [INCOMPLETE])
row("70_rows_no_iend.png", rows_of(70, data), upper(70), [INCOMPLETE])
row("one_row.png", rows_of(1, data) + chunk(b"IEND", b""), upper(1), [INCOMPLETE])
wrong = bytearray(rows_of(104, data) + chunk(b"IEND", b""))
wrong[-14] ^= 1
row("wrong_checksum_of_data.png", bytes(wrong), IMAGE, [DAMAGED])
text = bytearray(chunk(b"tEXt", b"Comment\0text"))
text[-1] ^= 1
row("wrong_checksum_of_text.png", png(before=bytes(text)), IMAGE)
row("cut_at_60_percent.jpg", JPEG[: len(JPEG) * 6 // 10], seen(JPEG[: len(JPEG) * 6 // 10] + b"\xff\xd9"), [INCOMPLETE])
PROGRESSIVE = encoded(IMAGE, "JPEG", quality=88, progressive=True)
for percent in [60, 90]:
    cut = PROGRESSIVE[: len(PROGRESSIVE) * percent // 100]
    row(f"progressive_cut_at_{percent}_percent.jpg", cut, seen(cut + b"\xff\xd9"), [INCOMPLETE])
RESTARTS = encoded(IMAGE, "JPEG", quality=88, restart_marker_rows=1)
cut = RESTARTS[: len(RESTARTS) * 4 // 10]
row("restarts_cut_at_40_percent.jpg", cut, seen(cut + b"\xff\xd9"), [INCOMPLETE])
third = RESTARTS.index(b"\xff\xd2")
row("restart_missing.jpg", RESTARTS[:third] + RESTARTS[third + 2 :], warnings=[INCOMPLETE])
row("restart_interval_missing.jpg", RESTARTS[: RESTARTS.index(b"\xff\xd2")] + RESTARTS[RESTARTS.index(b"\xff\xd3") :], warnings=[INCOMPLETE])
scan = JPEG.index(b"\xff\xda")
early = JPEG[: scan + 900] + b"\xff\xd9"
row("end_too_early.jpg", early, warnings=[INCOMPLETE])

# Without what viewers know anyway.
STANDARD = encoded(IMAGE, "JPEG", quality=88, optimize=False)
row("no_tables.jpg", without(STANDARD, 0xC4), warnings=[STANDARD_TABLES])
row("no_tables_grey.jpg", without(encoded(GREY, "JPEG", optimize=False), 0xC4), warnings=[STANDARD_TABLES])
row("no_tables_no_jfif.jpg", without(STANDARD, 0xC4, 0xE0), warnings=[STANDARD_TABLES])
avi = segment(0xE0, b"AVI1\0" + bytes(9))
row("no_tables_of_a_film.jpg", jpeg_with(avi, file=without(STANDARD, 0xC4, 0xE0)), warnings=[STANDARD_TABLES])
for transform in [3, 255]:
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
    row(f"adobe_transform_{transform}.jpg", jpeg_with(adobe, file=without(JPEG, 0xE0)), warnings=[UNKNOWN_TRANSFORM])
inks = encoded(Image.merge("CMYK", (*IMAGE.split(), GREY)), "JPEG", quality=90)
inks = jpeg_with(segment(0xEE, b"Adobe\0\x64\0\0\0\0\x07"), file=without(inks, 0xEE))
row("adobe_transform_7_of_inks.jpg", inks, cmyk(inks), [UNKNOWN_TRANSFORM])
stray = b"stray bytes" + segment(0xFE, b"comment") + b"\xff\xff\xff" + b"\0\0"
row("stray_bytes.jpg", JPEG[:20] + stray + JPEG[20:], IMAGE)

# Flags without chunks.
for name, flags in [("exif", 8), ("xmp", 4), ("profile", 0x20), ("alpha", 0x10), ("everything", 0x3C)]:
    row(f"flag_of_{name}.webp", webp(flags), warnings=[MISSING_CHUNK])
    row(f"flag_of_{name}_lossless.webp", webp(flags, lossless=True), warnings=[MISSING_CHUNK] * (name != "alpha"))
row("flag_of_animation.webp", webp(2), seen(webp(0)), [MISSING_CHUNK])

table = ",\n".join("  " + json.dumps(row) for row in rows)
pathlib.Path("../faults.json").write_text(f"[\n{table}\n]\n")
print(len(rows), "files")
