import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from baselines.pinn_pde.domain import Box, Disk, Rectangle, blended

L_SHAPE = Box(("x", "y"), (-1.0, -1.0), (1.0, 1.0), without=(Rectangle((0.0, 0.0), (1.0, 1.0)),))
HOLES = Box(("x", "y"), (0.0, 0.0), (2.0, 1.0), without=(Disk((0.5, 0.5), 0.2), Disk((1.4, 0.4), 0.3)))
FRAME = Box(("x", "y", "t"), (0.0, 0.0, 0.0), (1.0, 1.0, 2.0), time=True, without=(Rectangle((0.2, 0.3), (0.5, 0.9)),))


def likely(observed: np.ndarray, expected: np.ndarray) -> bool:
    """Whether counts are compatible with expectations, at one in a thousand."""
    return bool(chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3)


def test_volumes() -> None:
    assert L_SHAPE.volume() == pytest.approx(3.0)
    assert HOLES.volume() == pytest.approx(2.0 - np.pi * (0.04 + 0.09))
    assert FRAME.volume() == pytest.approx(2.0 * (1.0 - 0.18))
    assert Box(("x", "y", "z"), (0, 0, 0), (1, 2, 3)).volume() == pytest.approx(6.0)


def test_inside_keeps_the_edge_and_drops_what_is_cut_out() -> None:
    inside = np.array([[-0.5, 0.5], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.3, 0.0], [1.0, -1.0]])
    outside = np.array([[0.5, 0.5], [1.0, 1.0], [1.0, 0.5], [0.5, 1.0], [1.1, -0.5]])  # two on the former outer edge
    assert L_SHAPE.inside(inside).all() and not L_SHAPE.inside(outside).any()
    assert HOLES.inside(np.array([[0.7, 0.5], [0.5, 0.2]])).tolist() == [True, True]
    assert not HOLES.inside(np.array([[0.69, 0.5]])).any()
    assert FRAME.inside(np.array([[0.2, 0.5, 2.0], [0.3, 0.5, 1.0], [0.1, 0.1, 2.1]])).tolist() == [True, False, False]


@pytest.mark.parametrize("domain", [L_SHAPE, HOLES, FRAME])
def test_points_inside_are_uniform(domain: Box) -> None:
    points = domain.sample(20_000, np.random.default_rng(0))
    assert domain.inside(points).all()
    cells = domain.grid(tuple(61 for _ in domain.names[:2]) + (2,) * (len(domain.names) - 2))
    edges = [np.linspace(a, b, 7) for a, b in zip(domain.low[:2], domain.high[:2], strict=True)]
    fine = np.random.default_rng(1).uniform(domain.low, domain.high, (400_000, len(cells[0])))  # cell areas
    fine = fine[domain.inside(fine)]
    observed, expected = (np.histogram2d(p[:, 0], p[:, 1], edges)[0].ravel() for p in (points, fine))
    kept = expected > 400
    assert likely(observed[kept], expected[kept])


def test_points_on_the_edge_of_an_l_are_uniform_in_length() -> None:
    points = L_SHAPE.sample_boundary(8000, np.random.default_rng(0))
    x, y = points.T
    sides = {
        "left": (x == -1, 2.0),
        "bottom": (y == -1, 2.0),
        "right": (x == 1, 1.0),
        "top": (y == 1, 1.0),
        "inner x": ((x == 0) & (y > 0), 1.0),
        "inner y": ((y == 0) & (x > 0), 1.0),
    }
    assert sum(on.sum() for on, _ in sides.values()) == len(points)
    assert likely(np.array([on.sum() for on, _ in sides.values()]), np.array([length for _, length in sides.values()]))
    assert y[x == 1].max() < 0 and x[y == 1].max() < 0  # not on the part of the square that is gone
    assert kstest(y[x == -1], "uniform", (-1, 2)).pvalue > 1e-3
    assert kstest(y[(x == 0) & (y > 0)], "uniform").pvalue > 1e-3


def test_points_on_circles_are_uniform_in_length() -> None:
    points = HOLES.sample_boundary(9000, np.random.default_rng(0))
    on = [np.abs(np.linalg.norm(points - c.center, axis=1) - c.radius) < 1e-12 for c in HOLES.without]  # type: ignore[union-attr]
    outer = ~(on[0] | on[1])
    lengths = np.array([2 * np.pi * 0.2, 2 * np.pi * 0.3, 6.0])
    assert likely(np.array([on[0].sum(), on[1].sum(), outer.sum()]), lengths)
    angle = np.arctan2(*(points[on[0]] - HOLES.without[0].center).T)  # type: ignore[union-attr]
    assert kstest(angle, "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3


def test_boundary_and_start_of_a_domain_in_time() -> None:
    points = FRAME.sample_boundary(6000, np.random.default_rng(0))
    x, y, t = points.T
    hole = ((np.abs(x - 0.2) < 1e-12) | (np.abs(x - 0.5) < 1e-12)) & (y > 0.25) & (y < 0.95)
    hole |= ((np.abs(y - 0.3) < 1e-12) | (np.abs(y - 0.9) < 1e-12)) & (x > 0.15) & (x < 0.55)
    assert likely(np.array([hole.sum(), (~hole).sum()]), np.array([1.8, 4.0]))
    assert kstest(t, "uniform", (0, 2)).pvalue > 1e-3
    start = FRAME.sample_initial(300, np.random.default_rng(0))
    assert (start[:, 2] == 0).all() and FRAME.inside(start).all()


def test_faces_of_a_box_and_ends_of_an_interval() -> None:
    points = Box(("x", "y", "z"), (0, 0, 0), (1, 2, 3)).sample_boundary(6000, np.random.default_rng(0))
    faces = [(points[:, j] == end).sum() for j, ends in enumerate(((0, 1), (0, 2), (0, 3))) for end in ends]
    assert likely(np.array(faces), np.array([6.0, 6.0, 3.0, 3.0, 2.0, 2.0]))
    ends = Box(("x", "t"), (-1, 0), (1, 1), time=True).sample_boundary(400, np.random.default_rng(0))
    assert set(ends[:, 0]) == {-1.0, 1.0} and 140 < (ends[:, 0] == 1).sum() < 260
    assert Box(("x",), (0.0,), (1.0,)).sample_boundary(0, np.random.default_rng(0)).shape == (0, 1)


def test_the_same_generator_gives_the_same_points() -> None:
    for domain in (L_SHAPE, HOLES):
        first, again = (domain.sample_boundary(50, np.random.default_rng(3)) for _ in range(2))
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box(("x", "y"), (0.0,), (1.0, 1.0)), "one name"),
        (lambda: Box(("x",), (1.0,), (1.0,)), "low must lie below high"),
        (lambda: Box(("x", "t"), (0, 0), (1, 1), time=True, without=(Disk((0, 0), 1),)), "out of a plane"),
        (lambda: Box(("t",), (0,), (1,), time=True).sample_boundary(3, np.random.default_rng(0)), "no boundary"),
        (lambda: L_SHAPE.sample_initial(3, np.random.default_rng(0)), "no initial time"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_a_coons_patch_meets_its_sides_and_reproduces_products() -> None:
    box = Box(("x", "y"), (-1.0, 0.0), (2.0, 3.0))

    def bilinear(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sin(x) * (1 + 2 * y) + x * np.exp(y)  # linear in one of them, term by term

    def wild(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sin(3 * x * y) + x**2

    points = box.sample(50, np.random.default_rng(0))
    x, y = points[:, :1], points[:, 1:]
    np.testing.assert_allclose(blended(bilinear, box, x, y), bilinear(x, y), atol=1e-12)
    edge = box.sample_boundary(200, np.random.default_rng(1))
    x, y = edge[:, :1], edge[:, 1:]
    np.testing.assert_allclose(blended(wild, box, x, y), wild(x, y), atol=1e-12)
