files = torch.os.listdir("/")
