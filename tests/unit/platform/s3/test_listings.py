"""Listings, held against a model that looks at every key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeyard.platform.s3.model import listing
from tests.unit.platform.s3.bench import Store
from tests.unit.platform.s3.test_objects import fails


def keys(page: dict[str, Any]) -> list[str]:
    return [row["Key"] for row in page.get("Contents", [])]


def prefixes(page: dict[str, Any]) -> list[str]:
    return [row["Prefix"] for row in page.get("CommonPrefixes", [])]


def test_keys_come_in_utf8_order_and_roll_up_under_a_delimiter(s3: Store) -> None:
    s3.bucket()
    for key in ("b", "a/2", "a/1", "Z", "ä", "a", "a/x/y", "😀"):
        s3.put(key)
    assert keys(s3.call("ListObjectsV2", Bucket="bucket")) == ["Z", "a", "a/1", "a/2", "a/x/y", "b", "ä", "😀"]
    top = s3.call("ListObjectsV2", Bucket="bucket", Delimiter="/")
    assert (keys(top), prefixes(top), top["KeyCount"]) == (["Z", "a", "b", "ä", "😀"], ["a/"], 6)
    inner = s3.call("ListObjectsV2", Bucket="bucket", Delimiter="/", Prefix="a/")
    assert (keys(inner), prefixes(inner)) == (["a/1", "a/2"], ["a/x/"])
    after = s3.call("ListObjectsV2", Bucket="bucket", StartAfter="a/2")
    assert keys(after) == ["a/x/y", "b", "ä", "😀"]


def test_pages_join_up_to_the_whole_by_token_and_by_marker(s3: Store) -> None:
    s3.bucket()
    for number in range(7):
        s3.put(f"d{number % 3}/k{number}")
    found, token = [], {}
    for _ in range(10):
        page = s3.call("ListObjectsV2", Bucket="bucket", MaxKeys=2, **token)
        found += keys(page)
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == sorted(f"d{number % 3}/k{number}" for number in range(7))
    rolled, marker = [], ""
    for _ in range(10):
        page = s3.call("ListObjects", Bucket="bucket", MaxKeys=1, Delimiter="/", Marker=marker)
        rolled += prefixes(page)
        if not page["IsTruncated"]:
            break
        marker = page["NextMarker"]
    assert rolled == ["d0/", "d1/", "d2/"]


def test_a_token_of_ours_only(s3: Store) -> None:
    s3.bucket()
    for token in ("garbage", "AAAA", "ä"):
        with fails("InvalidArgument", 400):
            s3.call("ListObjectsV2", Bucket="bucket", ContinuationToken=token)


def test_an_encoded_listing_is_percent_encoded(s3: Store) -> None:
    s3.bucket()
    s3.put("a b/ü\x01")
    page = s3.call("ListObjectsV2", Bucket="bucket", EncodingType="url", Delimiter="|", Prefix="a b")
    assert keys(page) == ["a%20b/%C3%BC%01"]
    assert (page["Prefix"], page["Delimiter"], page["EncodingType"]) == ("a%20b", "%7C", "url")


def test_no_keys_is_an_empty_page(s3: Store) -> None:
    s3.bucket()
    s3.put("a")
    page = s3.call("ListObjectsV2", Bucket="bucket", MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


def test_versions_are_listed_page_by_page_without_losing_one(s3: Store) -> None:
    s3.bucket(versioned=True)
    made = [(key, s3.put(key)["VersionId"]) for key in ("a", "b", "b", "b", "c", "d/1", "d/2")]
    for size in (1, 2, 3, 10):
        found: list[Any] = []
        marker: dict[str, str] = {}
        for _ in range(20):
            page = s3.call("ListObjectVersions", Bucket="bucket", MaxKeys=size, **marker)
            found += [(row["Key"], row["VersionId"]) for row in page["Versions"]]
            if not page["IsTruncated"]:
                break
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        assert [key for key, _ in found] == ["a", "b", "b", "b", "c", "d/1", "d/2"]
        assert sorted(found) == sorted(made)
    rolled = s3.call("ListObjectVersions", Bucket="bucket", Delimiter="/", MaxKeys=5)
    assert len(rolled["Versions"]) == 5
    assert rolled["IsTruncated"]
    with fails("InvalidArgument", 400):
        s3.call("ListObjectVersions", Bucket="bucket", VersionIdMarker="x")


@dataclass
class Named:
    key: str


ALPHABET = st.sampled_from(["a", "b", "/", "z", "\ud7ff", "\ue000", "\U0010ffff"])
WORDS = st.lists(ALPHABET, max_size=5).map("".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(WORDS.filter(bool), max_size=25), WORDS, st.sampled_from(["", "/", "ab"]), st.integers(1, 4))
def test_rolling_up_page_by_page_is_the_same_as_looking_at_every_key(
    names: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    ordered = sorted(names)

    def fetch(start: str, inclusive: bool, count: int, row: Any) -> list[Named]:
        later = [name for name in ordered if name > start or (inclusive and name == start)]
        return [Named(name) for name in later if name.startswith(prefix)][:count]

    want: list[str] = []
    for name in ordered:
        if name.startswith(prefix):
            shown = listing.common_prefix(name, prefix, delimiter) or name
            if shown not in want:
                want.append(shown)
    got: list[str] = []
    after = ""
    for _ in range(100):
        page = listing.roll(fetch, prefix, delimiter, after, limit)
        shown_now = sorted([row.key for row in page.rows] + page.prefixes)
        assert len(shown_now) <= limit
        got += shown_now
        if not page.truncated:
            break
        after = listing.from_token(listing.to_token(page.last))
    assert sorted(got) == sorted(want)
    assert len(got) == len(set(got))
