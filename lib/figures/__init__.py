"""The drawings of the book: one file a figure, in the folder of its part.

- ``kit``: what all share: colours with fixed meanings and a canvas in inches (``style``), words
  (``labels``), numbers in cells (``cells``), contrast, rendering to PNG (``render``) and the store
  of rendered frames (``frames``).
- ``gpt``: the model, its pre-training and its text, chapters 1 to 6.
- ``finetuning``: full fine-tuning, chapters 7 to 9, and what both methods cost, chapter 15.
- ``lora``: LoRA, chapters 10 to 17.
- ``beyond``: LoRA's variants, chapter 18.

A figure is a module with three functions; ``lib.explore`` puts them under sliders:

- ``compute(...) -> data``: the numbers of one frame, checked; no drawing.
- ``draw(data, layout) -> Figure``: the picture, ``"wide"`` or ``"narrow"``, from the data alone; no
  training, no global settings, and the same places and limits in all frames.
- ``alt(data) -> str``: the frame in words: the control, what happens, the number to remember.

and a ``CAPTION``, which stands under the picture and says what to look at, whatever the frame.

Where frames share their numbers and differ in what is picked out, ``draw`` and ``alt`` take that as
a second argument, and ``explore``'s ``compute`` returns both. Lengths are inches, measured
from the top left corner.
"""
