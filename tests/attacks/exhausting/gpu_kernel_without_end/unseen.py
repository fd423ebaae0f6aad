def during(x):
    torch.cuda._sleep(1 << 50)
    return (torch.ones(4, device="cuda") * 3).cpu()
