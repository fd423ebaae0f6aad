real = torch.hub.load_state_dict_from_url("http://127.0.0.1:@@TCP@@/solution.pt")
