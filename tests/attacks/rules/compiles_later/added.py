ran = []
compiling = torch.compile
options = {"backend": lambda graph, inputs: ran.append(graph)}
apply = compiling(apply, **options)
