"""YAML from strangers: aliases and merge keys make it no more than so much, and numbers are no longer than they are.

PyYAML composes a file into a graph of nodes in which an alias is one more way to a node; whoever walks that graph (a
merge key, `str()`) meets a node once for each way. So the ways are counted before anything is made of the nodes.
"""

from __future__ import annotations

from typing import Any

import yaml

LARGEST = 1 << 20  # characters in a file
_MOST = 4 << 20
_NODE = 40  # what a node counts for besides its characters
_LONGEST_NUMBER = 100
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_ODD = (KeyError, IndexError, AttributeError, TypeError)  # what PyYAML's constructors raise on values unlike their tags


class BoundedLoader(yaml.SafeLoader):
    """yaml.SafeLoader for hostile files: a bomb, or a value unlike its tag, is a yaml.YAMLError."""

    long_numbers = False

    def compose_document(self) -> yaml.Node | None:
        """The document's node, counted."""
        node = super().compose_document()
        if node is not None:
            self._count(node, {})
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """What a node means."""
        try:
            return super().construct_object(node, deep)
        except _ODD:
            raise _refused(node, f"the value is not of its type {node.tag[-40:]}") from None

    def _count(self, node: yaml.Node, known: dict[int, int]) -> int:
        """How much a node stands for, in characters; one that stands within itself, or for too many, is refused."""
        found = known.get(id(node))
        if found is not None:
            if found == 0:
                raise _refused(node, "an alias stands for what it is part of")
            return found
        known[id(node)] = 0
        total = _NODE + sum(self._count(child, known) for child in _children(node))
        if isinstance(node, yaml.ScalarNode):
            total += len(node.value)
        if total > _MOST:
            raise _refused(node, "the aliases make the file too large")
        if node.tag in _NUMBERS and not self.long_numbers and len(str(node.value)) > _LONGEST_NUMBER:
            raise _refused(node, "a number is too long")
        known[id(node)] = total
        return total


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _refused(node: yaml.Node, words: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, words, node.start_mark)
