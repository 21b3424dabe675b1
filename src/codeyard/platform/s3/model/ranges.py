"""HTTP byte ranges as S3 reads them."""

from __future__ import annotations

import re

from codeyard.platform.s3.errors import s3_error

SINGLE = re.compile(r"bytes=(\d*)-(\d*)\Z")
EXACT = re.compile(r"bytes=(\d+)-(\d+)\Z")


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(start, length) of a Range header; None when it is absent or not a single byte range (the whole object).

    InvalidRange when it begins behind the end.
    """
    match = SINGLE.match(header.replace(" ", "")) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise s3_error("InvalidRange", RangeRequested=header, ActualObjectSize=str(size))
        return size - length, length
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise s3_error("InvalidRange", RangeRequested=header, ActualObjectSize=str(size))
    end = min(int(last), size - 1) if last else size - 1
    return start, end - start + 1


def copy_range(header: str, size: int) -> tuple[int, int]:
    """(start, length) of x-amz-copy-source-range, which must lie within the source."""
    match = EXACT.match(header)
    if match is None:
        raise s3_error(
            "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
        )
    start, end = int(match.group(1)), int(match.group(2))
    if end < start or end >= size:
        raise s3_error("InvalidArgument", f"Range specified is not valid for source object of size: {size}")
    return start, end - start + 1


def content_range(start: int, length: int, size: int) -> str:
    """The Content-Range of a partial answer."""
    return f"bytes {start}-{start + length - 1}/{size}"
