"""A GPT of 1,044,736 parameters, full fine-tuning and LoRA, in Python and NumPy.

Importing the package sets BLAS to one thread.  At this model's size a second BLAS
thread gains little and, on a busy machine, loses a lot; the second core is better
used by a second worker (``lib.training.fit``).  One thread also makes results
independent of the number of cores.
"""

import numpy as np  # noqa: F401  (BLAS has to be loaded before it can be limited)
from threadpoolctl import threadpool_limits

__version__ = "0.1.0"

threadpool_limits(1, user_api="blas")
