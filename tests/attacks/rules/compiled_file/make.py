"""Compile a module that has no source."""

import py_compile


def make(root):
    folder = root / "exercises" / "rules"
    source = folder / "source.py"
    source.write_text("from torch.nn.functional import scaled_dot_product_attention as attend")
    py_compile.compile(str(source), cfile=str(folder / "helper.pyc"))
    source.unlink()
