"""The drawings of the book: one file a figure, all on the palette of ``style``.

Each figure has ``compute`` (numbers, no drawing), ``draw`` (a matplotlib figure for one layout) and
``alt`` (the frame in words). Lengths are inches, measured from the top left corner.
"""
