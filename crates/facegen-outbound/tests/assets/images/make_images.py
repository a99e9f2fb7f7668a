"""Makes the pictures of this folder that the Rust encoders cannot write.

Each shows four quadrants: red, green / blue, white, 24 x 16 pixels each.
Run in this folder with Pillow 13.0.0: python make_images.py
"""

from PIL import Image

COLOURS = [(220, 40, 40), (40, 200, 60), (40, 60, 210), (240, 240, 240)]


def quadrants(colours, mode="RGB"):
    picture = Image.new(mode, (48, 32))
    for index, colour in enumerate(colours):
        left, top = 24 * (index % 2), 16 * (index // 2)
        picture.paste(colour, (left, top, left + 24, top + 16))
    return picture


def to_cmyk(colour):
    """The inks of a colour, as much of it in black as possible."""
    white = max(colour)
    return tuple(round(255 * (white - level) / white) for level in colour) + (255 - white,)


first = quadrants(COLOURS)
second = quadrants(COLOURS[::-1])
cmyk = quadrants([to_cmyk(colour) for colour in COLOURS], "CMYK")
cmyk.save("cmyk.jpg", quality=95)
first.save("progressive.jpg", quality=95, progressive=True)
first.save("restarts.jpg", quality=95, restart_marker_blocks=1)
first.save("lossy.webp", quality=95)
transparent = first.copy()
transparent.putalpha(100)
transparent.save("lossy_alpha.webp", quality=95, exact=True)
first.save("animated.webp", save_all=True, append_images=[second], duration=100, lossless=True)
first.save("animated.gif", save_all=True, append_images=[second], duration=100)
first.save("animated.png", save_all=True, append_images=[second], duration=100)
first.quantize(4).save("palette.png", bits=2)
first.convert("L").convert("1", dither=0).save("one_bit.png")
