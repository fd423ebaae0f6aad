"""What students have of the tests."""

import torch

from grader.checks import assert_equal


def test_public_dot(student, device):
    """1 * 3 + 2 * 4 is 11."""
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])
    assert_equal(student.dot(a.to(device), b.to(device)), torch.tensor([11.0]), what="product")
