def during(x):
    big = torch.ones(1500, 1500)
    while True:
        big = big @ big * 1e-3
