"""The numbers of ids and labels at the front of stored counts. Needs no numpy, so that the API can read them."""

import struct
from typing import NamedTuple

from driftguard.platform.deflating import inflate
from driftguard.platform.planes import array_of, cut_planes, join_planes

FORMAT = 1

HEAD = struct.Struct("<BcBBIII")
"""The start of stored counts: format, kind, classes, bytes of a number, and the lengths of three parts."""


class Tally(NamedTuple):
    """Numbers of ids and labels.

    predictions: ids with exactly one prediction. labelled: those with a label. ambiguous: ids with several different
    predictions. They count nowhere else. corrected: labelled ids whose label changed. withdrawn: ids whose last label
    was taken back. waiting: ids with a label and no prediction. labels: the labels that arrived, corrections included.
    """

    predictions: int = 0
    labelled: int = 0
    ambiguous: int = 0
    corrected: int = 0
    withdrawn: int = 0
    waiting: int = 0
    labels: int = 0


def tally_of(data: bytes) -> Tally:
    """Return the tally of stored counts. Raises ValueError for an unknown format."""
    version, _kind, _classes, width, length, *_others = HEAD.unpack_from(data)
    if version != FORMAT:
        raise ValueError(f"performance counts of unknown format {version}; this code reads format {FORMAT}")
    planes = cut_planes(inflate(data[HEAD.size : HEAD.size + length]), width)
    numbers = len(Tally._fields)
    return Tally(*array_of(join_planes([plane[:numbers] for plane in planes], numbers), "<u8"))
