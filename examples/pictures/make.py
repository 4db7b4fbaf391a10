#!/usr/bin/python3
"""Makes the pictures in this folder: digits set in fonts and drawn by strokes, with noise and shift, and a landscape.

Needs Pillow, numpy and the DejaVu fonts (Debian: python3-pil python3-numpy fonts-dejavu). The same seed gives the same pictures.
Digits are as in MNIST: light on dark, 28x28, the digit about 20 pixels high around the middle."""
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
FONTS = "/usr/share/fonts/truetype/dejavu/"
SET = {"sans": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf", "serif": "DejaVuSerif.ttf", "oblique": "DejaVuSans-Oblique.ttf"}
SCALE = 8  # drawn so much larger, then made smaller

# Strokes on a unit square, x to the right and y down: lists of points that a smooth pen runs through.
STROKES = {
    0: [[(.5, .05), (.22, .2), (.15, .5), (.25, .85), (.5, .95), (.76, .82), (.84, .5), (.75, .18), (.5, .05)]],
    1: [[(.38, .2), (.56, .06)], [(.56, .06), (.52, .5), (.48, .96)]],
    2: [[(.2, .25), (.35, .08), (.6, .06), (.76, .22), (.7, .45), (.45, .72), (.18, .93)], [(.18, .93), (.5, .9), (.84, .92)]],
    3: [[(.22, .14), (.5, .05), (.74, .18), (.68, .38), (.44, .47)], [(.44, .47), (.72, .55), (.78, .77), (.52, .95), (.2, .86)]],
    4: [[(.42, .06), (.28, .32), (.16, .6)], [(.16, .6), (.5, .58), (.86, .58)], [(.66, .3), (.63, .62), (.6, .96)]],
    5: [[(.76, .07), (.5, .07), (.3, .09)], [(.3, .09), (.26, .28), (.24, .45)],
        [(.24, .45), (.5, .38), (.76, .55), (.72, .82), (.46, .95), (.18, .86)]],
    6: [[(.66, .06), (.4, .25), (.22, .55), (.25, .84), (.5, .95), (.74, .82), (.7, .58), (.46, .52), (.26, .68)]],
    7: [[(.16, .1), (.5, .09), (.82, .08)], [(.82, .08), (.6, .45), (.42, .95)]],
    8: [[(.66, .14), (.42, .06), (.26, .22), (.42, .42), (.66, .58), (.74, .8), (.5, .95), (.26, .82), (.34, .6), (.6, .42), (.74, .24),
         (.66, .14)]],
    9: [[(.74, .3), (.56, .08), (.3, .14), (.24, .36), (.42, .5), (.68, .42), (.74, .26)], [(.74, .26), (.7, .6), (.6, .95)]],
}


def smooth(points, steps=24):
    """Catmull and Rom's curve through the points."""
    p = np.array([points[0], *points, points[-1]], float)
    t = np.linspace(0, 1, steps)[:, None]
    return np.concatenate([.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
                           for a, b, c, d in zip(p, p[1:], p[2:], p[3:])])


def finish(big, rng, digit_height=20):
    """Cut to the digit, 20 pixels high, shifted, a little noise."""
    box = big.getbbox()
    big = big.crop(box)
    height = digit_height * big.size[1] / max(big.size)
    width = digit_height * big.size[0] / max(big.size)
    small = big.resize((max(3, round(width)), max(3, round(height))), Image.LANCZOS)
    a = np.asarray(small, float)
    out = np.zeros((28, 28))
    y, x = (28 - a.shape[0]) // 2, (28 - a.shape[1]) // 2
    y, x = y + rng.integers(-2, 3), x + rng.integers(-2, 3)
    out[y:y + a.shape[0], x:x + a.shape[1]] = a
    out += rng.normal(0, 10, out.shape)
    return Image.fromarray(np.clip(np.round(out / 8) * 8, 0, 255).astype(np.uint8), "L")  # few levels: small files


def set_digit(digit, font, rng):
    big = Image.new("L", (40 * SCALE, 40 * SCALE))
    f = ImageFont.truetype(FONTS + font, 28 * SCALE)
    ImageDraw.Draw(big).text((8 * SCALE, 2 * SCALE), str(digit), fill=255, font=f)
    return finish(big.rotate(float(rng.uniform(-8, 8)), Image.BICUBIC), rng)


def drawn_digit(digit, rng):
    size = 28 * SCALE
    big = Image.new("L", (size, size))
    draw = ImageDraw.Draw(big)
    slant, width = rng.uniform(-.15, .25), rng.uniform(2.2, 3.2) * SCALE
    for stroke in STROKES[digit]:
        points = [(x + rng.normal(0, .015), y + rng.normal(0, .015)) for x, y in stroke]
        for x, y in smooth(points):
            x = x + slant * (.5 - y)
            px, py, r = 4 * SCALE + x * 20 * SCALE, 4 * SCALE + y * 20 * SCALE, width / 2
            draw.ellipse((px - r, py - r, px + r, py + r), fill=255)
    return finish(big.filter(ImageFilter.GaussianBlur(SCALE * .4)), rng)


def octaves(rng, height, width, first=4, count=6, falloff=.5):
    """Noise with detail at all scales."""
    total = np.zeros((height, width))
    for i in range(count):
        cells = first * 2**i
        grid = Image.fromarray(rng.random((max(2, cells * height // width), cells)).astype(np.float32), "F")
        total += falloff**i * np.asarray(grid.resize((width, height), Image.BICUBIC))
    return (total - total.min()) / (total.max() - total.min())


def landscape(rng, width=640, height=480):
    y, x = np.mgrid[0:height, 0:width]
    v = y / height
    sky = np.stack([110 + 110 * v, 160 + 70 * v, 225 + 15 * v], -1)
    clouds = np.clip((octaves(rng, height, width) - .5) * 3, 0, 1)[..., None] * np.clip(1.2 - 2 * v, 0, 1)[..., None]
    a = sky * (1 - clouds) + 250 * clouds
    sun = np.exp(-((x - 500)**2 + (y - 90)**2) / 900.)[..., None]
    a = a * (1 - sun) + np.array([255, 240, 190]) * sun
    for level, rough, near, far, seed in ((230, 90, (96, 118, 128), (140, 160, 176), 3), (290, 60, (70, 104, 70), (96, 130, 84), 5)):
        ridge = level - rough * octaves(np.random.default_rng(seed), 2, width, 3, 7)[0]
        texture = octaves(rng, height, width, 16, 5, .7)[..., None]
        hill = np.array(near) * texture + np.array(far) * (1 - texture)
        a = np.where((y > ridge[None, :])[..., None], hill, a)
    ground = octaves(rng, height, width, 40, 5, .8)[..., None]
    depth = np.clip((v - .62) / .38, 0, 1)[..., None]
    meadow = np.array([88, 122, 48]) * (1 - depth) + np.array([122, 150, 62]) * depth + 60 * (ground - .5)
    a = np.where((v > .62)[..., None], meadow, a)
    picture = Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))
    d = ImageDraw.Draw(picture)
    d.rectangle((96, 268, 226, 372), fill=(206, 186, 150))              # a house: straight edges, fine lines
    d.polygon([(82, 270), (161, 206), (240, 270)], fill=(150, 62, 46))
    for i in range(9):
        d.line((88 + 8 * i, 270 - 7 * i, 234 - 8 * i, 270 - 7 * i), fill=(120, 46, 36))
    for wx in (112, 184):
        d.rectangle((wx, 292, wx + 26, 322), fill=(52, 66, 86), outline=(240, 236, 226))
        d.line((wx + 13, 292, wx + 13, 322), fill=(240, 236, 226))
        d.line((wx, 307, wx + 26, 307), fill=(240, 236, 226))
    d.rectangle((148, 318, 174, 372), fill=(92, 60, 38))
    for i in range(14):                                                 # a fence
        fx = 270 + 26 * i
        d.rectangle((fx, 352, fx + 6, 398), fill=(232, 228, 216))
    d.rectangle((262, 362, 630, 367), fill=(220, 216, 204))
    d.rectangle((262, 382, 630, 387), fill=(212, 208, 196))
    d.rectangle((486, 238, 500, 376), fill=(84, 60, 42))                # a tree
    for _ in range(260):
        r, angle, size = 62 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi), rng.uniform(5, 13)
        cx, cy = 493 + r * np.cos(angle) * 1.1, 206 + r * np.sin(angle)
        shade = .65 + .35 * rng.random() - .2 * (cy - 206) / 62
        d.ellipse((cx - size, cy - size, cx + size, cy + size), fill=tuple(int(c * shade) for c in (62, 116, 48)))
    a = np.asarray(picture.filter(ImageFilter.GaussianBlur(.6)), float) + rng.normal(0, 3, (height, width, 1))
    return Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))


def main():
    rng = np.random.default_rng(28)
    for digit in range(10):
        for name, font in SET.items():
            set_digit(digit, font, rng).save(f"{HERE}/{digit}-{name}.png", optimize=True)
        drawn_digit(digit, rng).save(f"{HERE}/{digit}-drawn.png", optimize=True)
    landscape(rng).save(f"{HERE}/landscape.jpg", quality=82, optimize=True)


if __name__ == "__main__":
    main()
