"""Hidden tests of the tiny exercise; each is here to show one thing a test can do."""

import pytest
import torch

from grader.checks import assert_close, assert_equal, check

ONLY_THE_JUDGE_KNOWS_THIS = 271828.25


def test_dot(student, reference, rng, device):
    """The products agree with those of the reference in double precision."""
    a, b = rng.normal(6, 5), rng.normal(6, 5)
    expected = reference.dot(a.double(), b.double())
    actual = student.dot(a.to(device), b.to(device))
    assert_close(actual, expected, 1e-5, what="products", dtype=torch.float32)
    large = torch.tensor([[ONLY_THE_JUDGE_KNOWS_THIS]])
    assert_equal(student.dot(large, torch.ones(1, 1)), large[0], what="product with one")


@pytest.mark.parametrize("width", [1, 2, 33])
def test_dot_sizes(student, reference, rng, width):
    """Rows may be short or long."""
    a, b = rng.normal(3, width), rng.normal(3, width)
    assert_close(student.dot(a, b), reference.dot(a, b), 1e-5, what=f"products of width {width}")


def test_normalise(student, reference, rng):
    """Rows have length one and keep their direction."""
    x = rng.normal(4, 6) * 3
    assert_close(student.normalise(x), reference.normalise(x), 1e-5, what="unit rows")


def test_normalise_zero_row(student, rng):
    """A row of zeros is not divided by zero."""
    x = torch.cat((rng.normal(1, 4), torch.zeros(1, 4)))
    assert_equal(student.normalise(x)[1], torch.zeros(4), what="row of zeros")


def test_largest(student, reference, rng):
    """Places come as a list of plain numbers, the largest value's first."""
    x = rng.normal(9)
    assert_equal(student.largest(x, 3), reference.largest(x, 3), what="places")


def test_largest_steps(student, rng):
    """Walks through the answer without looking at it first, as hasty judges do."""
    x = rng.normal(5)
    picked = [float(x[place]) for place in student.largest(x, 2)]
    check(picked[0] >= picked[1], "the second is larger than the first", "第二个比第一个大")


def test_mean(student, rng):
    """Adding can be chained, and the instance keeps its state."""
    first, second = rng.normal(3), rng.normal(3)
    mean = student.Mean()
    mean.add(first).add(second)
    check(len(mean) == 2, "two vectors were added", "加入了两个向量")
    assert_close(mean.value(), (first + second) / 2, 1e-6, what="mean")


@pytest.fixture
def vectors(tmp_path):
    """Make a file of our own; a course may have fixtures of its own."""
    path = tmp_path / "vectors.txt"
    path.write_text("3 4\n6 8\n")
    return torch.tensor([[float(word) for word in line.split()] for line in path.read_text().splitlines()])


def test_notes(student, vectors):
    """Vectors of length 5 and 10."""
    answer = student.dot(vectors, vectors)
    assert_equal(answer, torch.tensor([25.0, 100.0]), what="squared lengths")


def test_on_gpu(student, reference, rng, device):
    """The same on a GPU."""
    x = rng.normal(3, 4)
    assert_close(student.dot(x.to(device), x.to(device)), reference.dot(x, x), 1e-5, what="products")


def test_angle(student, reference, rng):
    """The angle between vectors."""
    a, b = rng.normal(4, 3), rng.normal(4, 3)
    assert_close(student.angle(a, b), reference.angle(a, b), 1e-4, what="angles")
