def back_end(graph, inputs):
    graph.graph.on_generate_code(lambda old: lambda body: body)
    graph.recompile()
    return graph.forward


layer = torch.nn.Identity()
layer.compile(backend=back_end)
