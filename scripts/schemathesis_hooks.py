"""What schemathesis cannot know from openapi.json: what an image and a cursor are, and what has to be unique."""

import base64
import itertools
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
FACE = (ROOT / "crates/vision/src/selftest.jpg").read_bytes()
NO_FACE = (ROOT / "testdata/licence-barcode.png").read_bytes()
# Ids of items that do not exist. A list continues behind a cursor, wherever that is.
CURSORS = {"/v1/collection": "CAGiGwcPfXOFsGEH9wTQGFE", "/v1/enroll": "EAGiGwcPfXOFsGEH9wTQGFE"}

# In the chains of calls, a person has to have a face.
schemathesis.openapi.format("image", st.just(base64.b64encode(FACE).decode()))
schemathesis.openapi.media_type("image/jpeg", st.just(FACE))
schemathesis.openapi.media_type("image/png", st.just(NO_FACE))
numbers = itertools.count()


@schemathesis.hook
def before_load_schema(context, document):
    for schema in objects(document):
        if schema.get("contentMediaType") == "image/*":
            schema["format"] = "image"
    for path, cursor in CURSORS.items():
        for parameter in document["paths"][path]["get"]["parameters"]:
            if parameter["name"] == "cursor":
                parameter["schema"]["enum"] = [cursor, "", None]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Two things of an account cannot have the same legacy id, and two requests not the same key."""
    if not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict) and case.body.get("legacy_id"):
        case.body["legacy_id"] = f"legacy-{next(numbers)}"
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"key-{next(numbers)}"


def objects(value):
    """All objects in a JSON document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from objects(item)
