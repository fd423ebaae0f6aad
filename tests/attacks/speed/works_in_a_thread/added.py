from concurrent.futures import ThreadPoolExecutor


def slowly(x):
    y = x
    for _ in range(63):
        y = y @ x
    return y



POOL = ThreadPoolExecutor(1)


def power(x):
    return POOL.submit(slowly, x).result()
