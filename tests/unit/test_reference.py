"""docs/reference is generated: it must say what the code says."""

from __future__ import annotations

from tools.reference import ROOT, pages


def test_the_reference_pages_are_what_make_docs_writes() -> None:
    expected = pages()
    actual = {name: (ROOT / name).read_text() if (ROOT / name).exists() else "" for name in expected}

    assert expected == actual
