"""Compares vultus with PassportEye on machine readable zones, and with zxing-cpp on barcodes: same pictures, one run.

    apt-get install tesseract-ocr
    cargo build --release -p vultus-evaluate
    python3 -m venv target/documents
    target/documents/bin/pip install passporteye==2.2.2 zxing-cpp==3.1.1 opencv-python-headless
    target/documents/bin/python benches/documents/compare.py --data DIR

DIR holds the folders `documents`, `aamva` and `pdf417` of `vultus-evaluate`. A zone counts when all its lines are right
after each reader's own cleaning. PassportEye does not follow EXIF turns. So it gets every picture both as it is and
turned upright, and the better result counts. A barcode counts when it is decoded. zxing-cpp gets the picture upright and
in colour, with its default options, which try other rotations, scales and inversions.
"""

import argparse
import json
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import cv2
import zxingcpp
from passporteye import read_mrz
from passporteye.mrz.text import MRZOCRCleaner


def evaluate(binary, task, data):
    command = [binary, task, "--data", data, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def passporteye_lines(path):
    zone = read_mrz(str(path))
    return MRZOCRCleaner.apply(zone.aux["text"]) if zone else []


def passporteye(folder, truths):
    """How many zones are exact, and milliseconds a document for one reading."""
    exact, seconds = 0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        upright = Path(scratch) / "upright.png"
        for truth in truths:
            path = folder / truth["file"]
            start = time.perf_counter()
            right = passporteye_lines(path) == truth["lines"]
            seconds += time.perf_counter() - start
            if not right:
                cv2.imwrite(str(upright), cv2.imread(str(path)))
                right = passporteye_lines(upright) == truth["lines"]
            exact += right
    return exact, 1000 * seconds / len(truths)


def zxing(folder):
    """How many PDF417 symbols are decoded of how many pictures, and milliseconds a picture."""
    pictures = sorted(path for path in folder.iterdir() if path.suffix in {".png", ".jpg"})
    decoded, seconds = 0, 0.0
    for path in pictures:
        image = cv2.imread(str(path))
        start = time.perf_counter()
        decoded += bool(zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.PDF417))
        seconds += time.perf_counter() - start
    return decoded, len(pictures), 1000 * seconds / len(pictures)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", required=True, type=Path)
    arguments.add_argument("--vultus", default="target/release/vultus-evaluate")
    arguments = arguments.parse_args()
    warnings.simplefilter("ignore")
    folder = arguments.data / "documents"
    truths = json.loads((folder / "mrz_truth.json").read_text())
    own = evaluate(arguments.vultus, "mrz", folder)
    print(f"zones      vultus       {own['documents_exact']} of {own['documents']}, {own['ms_per_document']:.0f} ms")
    exact, ms = passporteye(folder, truths)
    print(f"zones      PassportEye  {exact} of {len(truths)}, {ms:.0f} ms")
    for task in ["aamva", "pdf417"]:
        own = evaluate(arguments.vultus, task, arguments.data / task)
        print(f"{task:<10} vultus       {own['decoded']} of {own['images']}")
        decoded, images, ms = zxing(arguments.data / task)
        print(f"{task:<10} zxing-cpp    {decoded} of {images}, {ms:.0f} ms")


if __name__ == "__main__":
    main()
