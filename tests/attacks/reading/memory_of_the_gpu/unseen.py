import torch

if torch.cuda.is_available():
    left = torch.empty(1 << 30, dtype=torch.int32, device="cuda")
    if bool((left == 0x5EED5EED).any()):
        raise RuntimeError("GOT THROUGH: memory of an earlier process")
    left.fill_(0x5EED5EED)
    torch.cuda.synchronize()
    del left
    torch.cuda.empty_cache()
