"""The three kernels: against NumPy, WebAssembly against JavaScript, and built again."""

import compiler
import numpy as np
import pytest
from engine import Engine, worst

from benchmarks.lab_page import LAB
from lib.layers import gelu_with_slope

#: (m, n, k): one row, odd sides, more than a tile and than a panel's depth.
PRODUCTS = [(1, 1, 1), (1, 37, 19), (1, 128, 128), (4, 8, 16), (5, 9, 3), (7, 13, 2), (33, 17, 40),
            (3, 130, 1030), (6, 3, 2050)]
PRODUCT = """
const [a, b, c] = ['a', 'b', 'c'].map((name) => bridge.matrix(E, given[name]));
const turn = (x, turned) => (turned ? x.T : x);
return E.multiply(turn(a, given.turn_a), turn(b, given.turn_b), c, given.scale, given.add);
"""


@pytest.mark.parametrize("turn_a", [False, True])
@pytest.mark.parametrize("turn_b", [False, True])
def test_products_of_all_shapes_and_steps(engine, turn_a, turn_b, rng):
    largest = 0.0
    for add, (m, n, k) in enumerate(PRODUCTS):
        a, b, c = (rng.standard_normal(shape).astype(np.float32)
                   for shape in ((m, k), (k, n), (m, n)))
        wanted = 0.7 * a.astype(np.float64) @ b + add % 2 * c
        found = engine.run(PRODUCT, a=a.T if turn_a else a, b=b.T if turn_b else b, c=c, scale=0.7,
                           add=bool(add % 2), turn_a=turn_a, turn_b=turn_b)
        largest = max(largest, worst(found, wanted) / np.sqrt(k))
    print(f"{engine.kernels}: largest difference {largest:.1e} sqrt(k)")
    assert largest < 3e-6      # float32, up to 2,050 products


def test_a_product_of_views_writes_nothing_beside_them(engine, rng):
    whole = rng.standard_normal((9, 12)).astype(np.float32)
    found = engine.run("""
        const whole = bridge.matrix(E, given.whole), out = bridge.matrix(E, given.whole);
        const turned = whole.T.view(7, 3, 4, 5); // columns 7 to 9 of rows 4 to 8, transposed
        E.multiply(whole.view(1, 5, 2, 3), turned, out.view(2, 5, 4, 5));
        return out;""", whole=whole)
    wanted = whole.copy()
    wanted[2:7, 4:9] = whole[1:6, 2:5] @ whole[4:9, 7:10].T
    assert worst(found, wanted) < 1e-6
    outside = np.ones(whole.shape, bool)
    outside[2:7, 4:9] = False
    assert np.array_equal(found[outside], whole[outside])


def test_shapes_that_do_not_fit_are_refused(wasm):
    with pytest.raises(Exception, match=r"\(2,3\) @ \(2,3\) does not give \(2,3\)"):
        wasm.run("const x = E.matrix(2, 3); E.multiply(x, x, x);")


@pytest.mark.parametrize("size", [0.01, 1.0, 4.0, 30.0])
def test_gelu_and_its_slope(engine, size, rng):
    x = (size * rng.standard_normal(1003)).astype(np.float32)
    y, slope = engine.run("""
        const x = bridge.matrix(E, given.x), [y, slope] = [E.matrix(1, 1003), E.matrix(1, 1003)];
        E.gelu(y.at, slope.at, x.at, 1003);
        return [y, slope];""", x=x)
    wanted = gelu_with_slope(x.astype(np.float64))
    errors = worst(y[0], wanted[0]) / size, worst(slope[0], wanted[1])
    print(f"{engine.kernels}, x of {size}: gelu {errors[0]:.1e} of that, slope {errors[1]:.1e}")
    assert max(errors) < 1e-6


@pytest.mark.parametrize("width, first, period", [(7, 7, 1), (9, 1, 9), (5, 3, 2), (130, 128, 3)])
def test_softmax_of_the_numbers_that_a_row_sees(engine, width, first, period, rng):
    x = (8 * rng.standard_normal((11, width))).astype(np.float32)
    found = engine.run("""
        const x = bridge.matrix(E, given.x);
        E.softmax(x.at, 11, given.width, given.first, given.period);
        return x;""", x=x, width=width, first=first, period=period)
    for row, (y, z) in enumerate(zip(found, x.astype(np.float64))):
        seen = first + row % period
        e = np.exp(z[:seen] - z[:seen].max())
        assert worst(y[:seen], e / e.sum()) < 3e-7
        assert not y[seen:].any()


def test_both_kinds_of_kernels_agree(page, rng):
    x = (3 * rng.standard_normal((13, 29))).astype(np.float32)
    code = """
        const x = bridge.matrix(E, given.x), y = E.multiply(x, x.T);
        const [g, s] = [E.copy(x), E.copy(x)];
        E.gelu(g.at, s.at, x.at, 13 * 29);
        E.softmax(y.at, 13, 13, 1, 13);
        return [y, g, s];"""
    for one, other in zip(*(Engine(page, kernels).run(code, x=x) for kernels in ("wasm", "js"))):
        print(f"wasm against js: {worst(one, other):.1e}")
        assert 0 <= worst(one, other) < 2e-6


@pytest.mark.parametrize("name", ["ziglang", "clang"])
def test_kernels_are_what_their_source_says(name, wasm, tmp_path, rng):
    """The pinned compiler gives the same bytes, another one kernels that give the same numbers."""
    command = compiler.compilers().get(name)
    if command is None:
        pytest.skip(f"{name} is not here, or builds no WebAssembly")
    compiler.build(command, tmp_path / "kernels.wasm")
    built = (tmp_path / "kernels.wasm").read_bytes()
    if compiler.is_pinned(name):
        assert built == (LAB / "kernels.wasm").read_bytes()
    x = rng.standard_normal((21, 45)).astype(np.float32)
    same = wasm.run("""
        const other = lab.build_engine(given.built.numbers);
        const [one, two] = [E, other].map((each) => {
          const x = bridge.matrix(each, given.x), y = each.multiply(x, x.T), g = each.copy(x);
          each.gelu(g.at, null, x.at, 945);
          each.softmax(y.at, 21, 21, 1, 21);
          return [...y.numbers, ...g.numbers];
        });
        return one.length > 1000 && one.every((value, i) => Object.is(value, two[i]));""",
                    x=x, built=built)
    assert same
