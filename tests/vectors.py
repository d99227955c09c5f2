"""Makes the golden vectors in shared/vectors that are not written by hand: ``python -m tests.vectors`` (make vectors).

A changed vector is a changed format: review the difference as one.
"""

import base64
import json
from array import array
from itertools import accumulate
from pathlib import Path
from typing import Any

from shared.model import FORMAT, MAGIC, card, table, write
from tests.kernel_vectors import golden as kernel_golden
from tests.models import BLEND
from tests.profile_vectors import golden as profile_golden

VECTORS = Path(__file__).resolve().parent.parent / "shared" / "vectors"
CODES = {"u8": "B", "i8": "b", "u16": "H", "u32": "I", "i32": "i"}


def small_model() -> dict[str, Any]:
    """Three items in plain JSON values, as ``write`` takes them once each section is an array of its dtype."""
    ids = ["85123A", "22423", "čaj"]
    members = ['"title":"White Hanging Heart","price":2.55', '"title":"Čaj"', ""]
    cards = [card(item, shown) for item, shown in zip(ids, members, strict=True)]
    return {
        "version": "golden",
        "items": 3,
        "dims": 16,
        "blend": BLEND._asdict(),
        "columns": {"category": {"kind": "keyword", "values": ["tea"]}, "price": {"kind": "number", "scale": 100}},
        "about": {"made by": "hand"},
        "sections": {
            "ids.text": ["u8", list("".join(ids).encode())],
            "ids.ends": ["u32", [0, 6, 11, 15]],
            "ids.table": ["u32", list(table([i.encode() for i in ids]))],
            "cards.text": ["u8", list(b"".join(cards))],
            "cards.ends": ["u32", list(accumulate(map(len, cards), initial=0))],
            "embeddings": ["i8", [((i * 37) % 255) - 127 for i in range(48)]],
            "lists.ends": ["u32", [0, 2, 3, 3]],
            "lists.low": ["u16", [1, 2, 0]],
            "lists.high": ["u8", []],
            "lists.weights": ["u8", [255, 100, 7]],
            "lists.scales": ["u16", [65535, 1000, 0]],
            "bias": ["u8", [255, 10, 0]],
            "column.category": ["i32", [-1, 0, 0]],
            "column.price": ["i32", [255, -(2**31), 1995]],
        },
    }


def encoded(model: dict[str, Any]) -> bytes:
    sections = {name: (dtype, array(CODES[dtype], values)) for name, (dtype, values) in model["sections"].items()}
    return write(**{**model, "blend": BLEND, "sections": sections})


def malformed(data: bytes) -> list[dict[str, Any]]:
    """Files that must be refused: what is done to the golden file, and the code it is refused with."""

    def case(name: str, code: str, bad: bytes) -> dict[str, Any]:
        return {"name": name, "code": code, "base64": base64.b64encode(bad).decode()}

    future = data[: len(MAGIC)] + (FORMAT + 1).to_bytes(2, "little") + data[len(MAGIC) + 2 :]
    return [
        case("empty", "model_truncated", b""),
        case("prelude cut", "model_truncated", data[:40]),
        case("last byte missing", "model_truncated", data[:-1]),
        case("one byte too many", "model_truncated", data + b"\0"),
        case("another kind of file", "model_not_ours", b"\x89PNG\r\n\x1a\n" + data[8:]),
        case("a future format", "model_format", future),
        case("a bit of the content", "model_altered", data[:-70] + bytes([data[-70] ^ 1]) + data[-69:]),
        case("a bit of the header", "model_altered", data[:70] + bytes([data[70] ^ 128]) + data[71:]),
        case("a bit of the hash", "model_altered", data[:24] + bytes([data[24] ^ 1]) + data[25:]),
        case("a reserved byte", "model_altered", data[:63] + b"\1" + data[64:]),
    ]


def main() -> None:
    model = small_model()
    data = encoded(model)
    golden = {"model": model, "base64": base64.b64encode(data).decode(), "malformed": malformed(data)}
    (VECTORS / "model.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    profiles = json.dumps(profile_golden(), ensure_ascii=False, indent=1) + "\n"
    (VECTORS / "profile.json").write_text(profiles, encoding="utf-8")
    (VECTORS / "kernel.json").write_text(json.dumps(kernel_golden(), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
