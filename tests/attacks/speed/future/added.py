from concurrent.futures import ThreadPoolExecutor


right, pool = power, ThreadPoolExecutor(1)


def power(x):
    return pool.submit(right, x)
