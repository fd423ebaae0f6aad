said = "{0.__globals__}".format(torch.nn.functional.softmax)
