"""Pictures of frames, as people have them: JPEG and PNG, turned as every viewer shows them."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from sqlib.data.frames import resize, to_bytes
from sqlib.errors import SqError, in_words

LARGEST = 4096  # pixels a side; a larger picture is no frame, and might be a decompression bomb
CHROMA = 24  # of 127; what compression leaves of it in a gray picture is less
ORIENTATION = 0x0112  # the tag of EXIF


def read_pictures(paths: list[Path], size: int | None, progress: bool) -> tuple[np.ndarray, tuple, dict]:
    """Gray pixels uint8 (N, H, W) of JPEG and PNG files, the shape (H, W) that all have, and files that are odd.

    "turned": turned or mirrored, as the EXIF orientation says; "coloured": of which the luminance is taken, though a
    colour scale may not grow with it. `size` resizes the pictures (None keeps them as they are). Raises `SqError`
    for what is no whole, opaque, single picture of 8-bit gray or RGB, for huge ones, and for several sizes.
    """
    pixels, shape, odd = None, None, {"turned": [], "coloured": []}
    for i, path in enumerate(tqdm(paths, desc="reading frames", unit="frame", disable=not progress, delay=1)):
        told = in_words(f"{path} is truncated or no JPEG or PNG", "fetch it again or take it away")
        with told, Image.open(path, formats=("JPEG", "PNG")) as image:
            if max(image.size) > LARGEST:
                raise SqError(f"{path} has {image.width}×{image.height} pixels; a frame has 256×256")
            if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                raise SqError(f"{path} has pixels of mode {image.mode}; a frame is 8-bit gray or RGB")
            if (count := getattr(image, "n_frames", 1)) > 1:
                raise SqError(f"{path} holds {count} pictures; a frame is one")
            if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] < 255:
                raise SqError(f"{path} is transparent in places, where each viewer shows something else")
            odd["turned"] += [path] * (image.getexif().get(ORIENTATION, 1) in range(2, 9))
            if image.mode in ("P", "RGB", "RGBA"):
                blue_and_red = image.convert("RGB").convert("YCbCr").getextrema()[1:]
                odd["coloured"] += [path] * (max(abs(end - 128) for ends in blue_and_red for end in ends) > CHROMA)
            picture = np.asarray(ImageOps.exif_transpose(image).convert("L"))
        if pixels is None:
            shape = picture.shape
            pixels = np.empty((len(paths), size or shape[0], size or shape[1]), np.uint8)
        if picture.shape != shape:
            sizes = f"{picture.shape[1]}×{picture.shape[0]} pixels, others {shape[1]}×{shape[0]}"
            raise SqError(f"{path} has {sizes}: region boxes would not fit; put each size in its own folder")
        pixels[i] = picture if size is None else to_bytes(resize(picture[None], size))[0]
    return pixels, shape, odd
