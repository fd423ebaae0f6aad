torch.nn.functional.softmax = torch.relu
