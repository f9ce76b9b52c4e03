"""What PyTorch and PEFT keep for backward: as recorded for chapter 15, and more than its count."""

import json

import pytest

from lib.figures.finetuning import cost_scale
from parity.kept_bytes import RECORD, SETTINGS, kept_in_pytorch

# PEFT asks a model of transformers 5 by a name that goes.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is:FutureWarning")
#: Other versions of the libraries may keep a little more or less.
ALLOWED = 0.1


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_block_keeps_the_recorded_bytes(setting):
    runs = json.loads(RECORD.read_text())["runs"]
    found = kept_in_pytorch(*setting)
    assert found == pytest.approx(runs[json.dumps(setting)], rel=ALLOWED)
    size = cost_scale.MODELS["Llama 2 7B"]
    counted = size.kept(everywhere=setting[0] != "query and value") / size.d_model
    assert counted < found < 2 * counted


def test_adapters_in_32_bits_keep_copies_of_their_inputs():
    small, large = (kept_in_pytorch("all linear", 16, bits, True) for bits in (16, 32))
    assert large > small + 6
