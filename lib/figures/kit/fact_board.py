"""Where the groups of tokens, the boxes and the words of a fact's way stand (chapter A2)."""

from __future__ import annotations

from lib.figures.kit.style import Layout

#: Middles of the columns, and how far along its arrow the middle of a role's words stands.
COLUMNS: dict[Layout, dict[str, float]] = {
    "wide": {"question": 1.75, "name": 3.3, "is": 4.85, "answer": 6.2},
    "narrow": {"question": 0.62, "name": 1.6, "is": 2.42, "answer": 3.12}}
ALONG: dict[Layout, dict[str, float]] = {
    "wide": {"join": 0.72, "fetch the relation": 0.7, "spell": 0.47, "fetch the country": 0.54,
             "the country again": 0.75, "the country, early": 0.7},
    "narrow": {"join": 0.77, "fetch the relation": 0.72, "spell": 0.5, "fetch the country": 0.6,
               "the country again": 0.78, "the country, early": 0.66}}
TOP, BAND = 1.0, 1.4  # the first row of states, and from one to the next
BELOW = TOP + 2 * BAND + 0.6  # under the words that the tokens write
APART: dict[Layout, float] = {"wide": 0.19, "narrow": 0.13}  # the pieces of a group
FRAME = 0.11  # from the pieces of a group to the frame around them
#: The middle of each box of feed-forward layers, from its group's middle and from the first row,
#: and where its arrow ends, from the group's middle.
BOXES: dict[Layout, dict[tuple[str, int], tuple[float, float, float]]] = {
    "wide": {("question", 0): (-0.15, 0.8, 0.0),
             ("name", 0): (-0.78, 1.05, -0.24), ("is", 0): (0.0, 0.39, 0.0),
             ("answer", 0): (0.5, 0.37, 0.34), ("is", 1): (-0.84, 2.55, -0.15),
             ("answer", 1): (0.36, 1.95, 0.3)},
    "narrow": {("question", 0): (0.12, 0.5, 0.0),
               ("name", 0): (-0.54, 1.05, -0.17), ("is", 0): (0.0, 0.4, 0.0),
               ("answer", 0): (0.2, 0.37, 0.15), ("is", 1): (-0.4, 2.5, -0.13),
               ("answer", 1): (0.1, 1.9, 0.15)}}
BESIDE = ("is", 1)  # its arrow ends beside its group's frame, as two edges end or pass on top
ENRICH = ("name", 0)  # the one box that is supposed
#: How far along its arrow the cross of a chosen path stands, where no other arrow or word is.
CROSS = {"question": 0.2, "name": 0.22, "is": 0.3, "answer": 0.2}
