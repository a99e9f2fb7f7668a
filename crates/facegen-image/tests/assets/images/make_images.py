"""Makes the images of this directory that the Rust encoders cannot write.

Most show four quadrants: red, green / blue, white, 24 x 16 pixels each. What
becomes of each file stands in ../images.json.
`fuzzed_*` were found by `cargo xtask bar fuzz`, not made here.
Run in this directory with Pillow 13.0.0: python make_images.py
"""

import io
import struct
import zlib

from PIL import Image

COLOURS = [(220, 40, 40), (40, 200, 60), (40, 60, 210), (240, 240, 240)]
LOSSLESS = {"lossless": True, "exact": True}


def quadrants(colours, mode="RGB"):
    image = Image.new(mode, (48, 32))
    for index, colour in enumerate(colours):
        left, top = 24 * (index % 2), 16 * (index // 2)
        image.paste(colour, (left, top, left + 24, top + 16))
    return image


def to_cmyk(colour):
    """The inks of a colour, as much of it in black as possible."""
    white = max(colour)
    return tuple(round(255 * (white - level) / white) for level in colour) + (255 - white,)


def write(name, *parts):
    with open(name, "wb") as file:
        file.write(b"".join(parts))


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(size, depth, colour, rows, interlaced=0, between=b""):
    """A PNG file of rows that are packed already."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between
        + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def packed(image, sixteen=False):
    """The rows of an image; with sixteen bits a level stands twice."""
    width, height = image.size
    step = width * len(image.getbands())
    data = image.tobytes()
    rows = [data[row * step : (row + 1) * step] for row in range(height)]
    return [bytes(level for level in row for _ in "12") for row in rows] if sixteen else rows


def adam7(image):
    """The rows of the seven passes of an interlaced image."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for left, top, right, down in passes:
        for y in range(top, image.height, down):
            pixels = [image.getpixel((x, y)) for x in range(left, image.width, right)]
            yield b"".join(bytes(pixel) for pixel in pixels)


def gif(screen, place, size):
    """A white frame on a black screen. Its codes are one byte each: the table
    is cleared before they need more."""
    codes = bytes(code for _ in range(size[0] * size[1] // 96) for code in [0x80] + [1] * 96) + b"\x81"
    blocks = [codes[start : start + 255] for start in range(0, len(codes), 255)]
    return (
        b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(3) + b"\xf0" * 3
        + b"," + struct.pack("<HHHHBB", *place, *size, 0, 7)
        + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0;"
    )


def exif(orientation):
    entries = Image.Exif()
    entries[0x0112] = orientation
    return entries


def with_segment(jpeg, marker, content):
    """The file with a segment after its start."""
    return jpeg[:2] + b"\xff" + marker + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


first = quadrants(COLOURS)
second = quadrants(COLOURS[::-1])
grey = first.convert("L")
transparent = first.copy()
transparent.putalpha(100)
jpeg = encoded(first, "JPEG", quality=95)

# Kinds of JPEG.
quadrants([to_cmyk(colour) for colour in COLOURS], "CMYK").save("cmyk.jpg", quality=95)
first.save("progressive.jpg", quality=95, progressive=True)
first.save("restarts.jpg", quality=95, restart_marker_blocks=1)
first.save("subsampled.jpg", quality=95, subsampling="4:2:0")
first.save("rgb.jpg", quality=95, keep_rgb=True)
grey.save("grey.jpg", quality=95)
for orientation in range(1, 9):
    first.save(f"exif_{orientation}.jpg", quality=95, exif=exif(orientation))
# The same segments under a marker of a process that few know.
for name, marker in [("lossless.jpg", 0xC3), ("arithmetic.jpg", 0xC9)]:
    write(name, jpeg.replace(b"\xff\xc0", bytes([0xFF, marker]), 1))

# Kinds of PNG.
first.save("animated.png", save_all=True, append_images=[second], duration=100)
first.quantize(4).save("palette.png", bits=2)
first.quantize(4).save("palette_alpha.png", bits=2, transparency=bytes([0, 9, 99, 255]))
grey.convert("1", dither=0).save("one_bit.png")
grey.save("grey.png")
transparent.convert("LA").save("grey_alpha.png")
transparent.save("alpha.png")
first.save("exif_6.png", exif=exif(6))
write("grey_16.png", png(first.size, 16, 0, packed(grey, sixteen=True)))
write("rgb_16.png", png(first.size, 16, 2, packed(first, sixteen=True)))
write("alpha_16.png", png(first.size, 16, 6, packed(transparent, sixteen=True)))
write("interlaced.png", png(first.size, 8, 2, adam7(first), interlaced=1))

# Kinds of WebP and GIF.
first.save("lossy.webp", quality=95)
transparent.save("lossy_alpha.webp", quality=95, exact=True)
first.save("lossless.webp", **LOSSLESS)
transparent.save("lossless_alpha.webp", **LOSSLESS)
# A photo needs everything that lossless streams are made of.
with Image.open("../../../../../tests/assets/photographs/astronaut.png") as photo:
    photo = photo.convert("RGB").crop((150, 30, 310, 190))
photo.save("photo.webp", method=6, quality=100, **LOSSLESS)
photo.save("photo_lossy.webp", quality=80)
photo.quantize(64).save("photo.gif", interlace=0)
photo.quantize(64).save("photo_interlaced.gif", interlace=1)
first.save("exif_6.webp", exif=exif(6), **LOSSLESS)
first.save("animated.webp", save_all=True, append_images=[second], duration=100, lossless=True)
first.save("animated.gif", save_all=True, append_images=[second], duration=100)
first.quantize(4).save("transparent.gif", transparency=0)
# Its only frame is the right half of the screen; the other half is black.
write("inset.gif", gif((48, 32), (24, 0), (24, 32)))
# Its only frame is larger than the screen.
write("overhang.gif", gif((48, 32), (0, 0), (60, 40)))

# Oddities that do not keep anybody from reading them.
write("icc_junk.jpg", with_segment(jpeg, b"\xe2", b"ICC_PROFILE\0\x01\x01" + b"junk" * 9))
write("icc_wrong_count.jpg", with_segment(jpeg, b"\xe2", b"ICC_PROFILE\0\x09\x02" + b"junk" * 9))
write("exif_junk.jpg", with_segment(jpeg, b"\xe1", b"Exif\0\0" + b"junk" * 9))
write("comment.jpg", with_segment(jpeg, b"\xfe", b"<script>alert(1)</script><?php exit; ?>"))
write("then_zip.jpg", jpeg, b"PK\x05\x06" + bytes(18))
write("then_html.png", encoded(first, "PNG"), b"<script>alert(1)</script>")
rows = packed(first)
write("icc_junk.png", png(first.size, 8, 2, rows, between=chunk(b"iCCP", b"a\0\0" + b"junk")))
write("icc_bomb.png", png(first.size, 8, 2, rows, between=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))))
write("text_bomb.png", png(first.size, 8, 2, rows, between=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))))

# Sizes.
for name in ["dot.png", "dot.jpg", "dot.gif", "dot.webp"]:
    Image.new("RGB", (1, 1)).save(name)
Image.new("L", (31, 500)).save("narrow.png")
Image.new("L", (65500, 32), 99).save("wide.png", optimize=True)
Image.new("1", (30000, 30000)).save("bomb.png", optimize=True)
for name, size in [("gif_40_mpx.gif", (8000, 5000)), ("gif_beyond.gif", (8001, 5000))]:
    Image.new("P", size, 1).save(name, optimize=False)
# A frame that does not reach the left border of its screen.
inset = encoded(Image.new("P", (7999, 5000), 1), "GIF", optimize=False)
place = inset.index(struct.pack("<HH", 7999, 5000), 10)
write("gif_inset.gif", inset[:6], struct.pack("<H", 8000), inset[8 : place - 4], b"\1\0\0\0", inset[place:])
for name, size in [("lossless_40_mpx.webp", (8000, 5000)), ("lossless_31_mpx.webp", (6200, 5000))]:
    Image.new("RGB", size, COLOURS[0]).save(name, **LOSSLESS)
Image.new("RGB", (8000, 5000), COLOURS[0]).save("lossy_40_mpx.webp", quality=1, method=0)
translucent = COLOURS[0] + (100,)
Image.new("RGBA", (5000, 4000), translucent).save("lossy_alpha_20_mpx.webp", quality=1, method=0, exact=True)
for name, size in [("animated_40_mpx.webp", (8000, 5000)), ("animated_20_mpx.webp", (5000, 4000))]:
    large = [Image.new("RGB", size, colour) for colour in COLOURS[:2]]
    large[0].save(name, save_all=True, append_images=large[1:], lossless=True)
large = [Image.new("RGBA", (6000, 3000), translucent), Image.new("RGBA", (6000, 3000))]
large[0].save("animated_alpha_18_mpx.webp", save_all=True, append_images=large[1:], quality=1, method=0)
