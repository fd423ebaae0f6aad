class Plain(torch.nn.Module):
    def forward(self, x):
        return x + 1


def backend(graph, inputs):
    graph.graph.on_generate_code(lambda _: lambda code: ["torch.found = torch._VF.rnn_tanh\n", *code])
    graph.recompile()
    return graph.forward


plain = Plain()
plain.compile(backend=backend)
plain(torch.ones(1))


def recur(x, w, u):
    none = torch.zeros(len(u))
    return torch.found(x, none[None], [w, u, none, none], True, 1, 0.0, False, False, False)[0]
