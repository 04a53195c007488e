"""Trees of hashes: one signature over the root vouches for every leaf, each shown by a short path.

A node is SHA-256 over a byte that tells leaves (0) from inner nodes (1), as in RFC 6962, section
2.1, and what is below it. Unlike there, the two halves of an inner node are hashed in the order of
their bytes, so that a path needs no directions. A node without a sibling moves up as it is.
"""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + content).digest()


def tree(leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the root over the hashes of leaves (at least one), and the path of each, joined."""
    paths = [b""] * len(leaves)
    # Each node with the leaves below it.
    level = [(leaf, [index]) for index, leaf in enumerate(leaves)]
    while len(level) > 1:
        above = []
        for (left, of_left), (right, of_right) in zip(level[::2], level[1::2], strict=False):
            for index in of_left:
                paths[index] += right
            for index in of_right:
                paths[index] += left
            above.append((_inner(left, right), of_left + of_right))
        level = above + level[len(above) * 2 :]
    return level[0][0], paths


def root_of(leaf: bytes, path: bytes) -> bytes:
    """Return the root that a leaf's hash and its path lead to; the path holds whole hashes."""
    node = leaf
    for start in range(0, len(path), HASH_BYTES):
        node = _inner(node, path[start : start + HASH_BYTES])
    return node


def _inner(one: bytes, other: bytes) -> bytes:
    return sha256(b"\x01" + (one + other if one < other else other + one)).digest()
