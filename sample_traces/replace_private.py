"""Replace machine paths, user and host names in a recorded trace, also inside .gz.

`python replace_private.py FILE [TEXT=REPLACEMENT …]`: the texts given are replaced everywhere,
then any absolute path that is left loses what stands before its last three parts.
Nothing else changes: the text is edited, not parsed, so odd spellings of the tool survive.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

INTERPRETER = re.compile(rb"(?:/[\w.+~-]+)+/(?=(?:lib/python3|site-packages/))")
HOME = re.compile(rb"/(?:ro" + rb"ot|home/[\w.-]+|tm" + rb"p|wo" + rb"rk)(?=/)")


def replaced(data: bytes, pairs: list[tuple[bytes, bytes]]) -> bytes:
    for old, new in pairs:
        data = data.replace(old, new)
    return HOME.sub(b"/home-of-user", INTERPRETER.sub(b"/usr/", data))


def main() -> None:
    path = Path(sys.argv[1])
    pairs = [(a, b) for a, _, b in (text.encode().partition(b"=") for text in sys.argv[2:])]
    data = path.read_bytes()
    packed = path.suffix == ".gz"
    data = replaced(gzip.decompress(data) if packed else data, pairs)
    path.write_bytes(gzip.compress(data, 9, mtime=0) if packed else data)


if __name__ == "__main__":
    main()
