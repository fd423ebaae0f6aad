import threading


def apply(f, x):
    found = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: f(x[i : i + 1])})) for i in range(len(x))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return torch.cat([found[i] for i in range(len(x))])
