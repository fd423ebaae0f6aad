"""Three tests of three functions; what ends the second must cost neither the first nor the third."""

from grader.checks import assert_equal


def test_before(student, rng):
    """Twice a vector."""
    x = rng.normal(4)
    assert_equal(student.before(x), 2 * x, what="twice the vector")


def test_during(student, rng):
    """Three times a vector, asked twice."""
    for _ in range(2):
        x = rng.normal(4)
        assert_equal(student.during(x), 3 * x, what="three times the vector")


def test_after(student, rng):
    """Four times a vector."""
    x = rng.normal(4)
    assert_equal(student.after(x), 4 * x, what="four times the vector")
