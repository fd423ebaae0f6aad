code = torch.load("solution.pt", weights_only=False)
