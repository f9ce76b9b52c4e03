"""Targets at the very edge of what is allowed: which are refused, and what the message says."""

import numpy as np
import pytest
from helpers import refused

from lib.losses import IGNORE, cross_entropy


@pytest.mark.parametrize("vocabulary", [4, 5])
def test_the_first_and_the_last_id_are_targets_and_their_neighbours_are_not(vocabulary):
    logits = np.ones((1, 2, vocabulary))
    for target in (0, vocabulary - 1):
        cross_entropy(logits, np.array([[target, IGNORE]]))
    for target in (-1, vocabulary, vocabulary + 3, IGNORE - 1, IGNORE + 1):
        targets = np.array([[0, target]])
        with refused(f"target {target} ", f"from 0 to {vocabulary - 1} ", unchanged=targets):
            cross_entropy(logits, targets)


def test_the_first_wrong_target_is_the_one_named():
    with refused("target 9 is"):
        cross_entropy(np.ones((4, 4)), np.array([1, 9, 8, 7]))
