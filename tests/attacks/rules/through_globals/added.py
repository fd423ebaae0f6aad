modules = torch.nn.functional.softmax.__globals__
