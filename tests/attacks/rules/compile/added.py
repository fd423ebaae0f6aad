code = compile("import transformers", "x", "exec")
