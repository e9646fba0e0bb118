"""What schemathesis cannot know from openapi.json: what an image and a cursor are."""

import base64
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
# A face of 192 x 192 pixels, and a picture without one.
IMAGES = [(ROOT / name).read_bytes() for name in ("crates/vision/src/selftest.jpg", "testdata/licence-barcode.png")]
# Ids of items that do not exist. A list continues behind a cursor, wherever that is.
CURSORS = {"/v1/collection": "CAGiGwcPfXOFsGEH9wTQGFE", "/v1/enroll": "EAGiGwcPfXOFsGEH9wTQGFE"}

schemathesis.openapi.format("image", st.sampled_from([base64.b64encode(image).decode() for image in IMAGES]))
for media_type in ("image/jpeg", "image/png"):
    schemathesis.openapi.media_type(media_type, st.sampled_from(IMAGES))


@schemathesis.hook
def before_load_schema(context, document):
    for schema in objects(document):
        if schema.get("contentMediaType") == "image/*":
            schema["format"] = "image"
    for path, cursor in CURSORS.items():
        for parameter in document["paths"][path]["get"]["parameters"]:
            if parameter["name"] == "cursor":
                parameter["schema"]["enum"] = [cursor, "", None]


def objects(value):
    """All objects in a JSON document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from objects(item)
