"""Put every function's own code below its heading."""

import ast


def make(root):
    folder = root / "exercises" / "rules"
    source = (folder / "solution.py").read_text()
    parts = [
        f"### {node.name}\n\n```\n{ast.unparse(node)}\n```\n"
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    ]
    (folder / "PSEUDOCODE.md").write_text("# Pseudocode: rules\n\n" + "\n".join(parts))
